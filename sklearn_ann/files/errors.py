"""The one error of files that are not opened, and of models that no file can keep."""


class ModelFileError(ValueError):
    """A file is no model file, is damaged or asks for what is not allowed; or a model holds what files do not keep."""
