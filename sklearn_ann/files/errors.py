"""The one error of files that are not opened, and of models that no file can keep."""


class ModelFileError(ValueError):
    """Error of a file that is not a valid model file, or of a model with an object that cannot be saved."""
