"""What is a sample? A reader learns it in ``fit``, is frozen and kept, and reads later samples by it."""

from sklearn_ann.reading.chunks import Chunks, first_of
from sklearn_ann.reading.conditions import (
    ConditionedBatch,
    ConditionedReader,
    ConditionedSamples,
    columns_of,
)
from sklearn_ann.reading.foreign import ForeignReader, ForeignSamples, ShapeGroups
from sklearn_ann.reading.graphs import GraphReader, GraphSet, NodeReader
from sklearn_ann.reading.grids import GridBatch, GridReader, GridSamples
from sklearn_ann.reading.letters import LetterBatch, LetterReader, LetterSamples
from sklearn_ann.reading.levels import LevelBatch, LevelReader, LevelSamples
from sklearn_ann.reading.mixed import Block, Fields, MixedReader
from sklearn_ann.reading.passes import RunningMoments
from sklearn_ann.reading.reader import Columns, Learned, Reader
from sklearn_ann.reading.rows import RowReader, StandardizedRowReader
from sklearn_ann.reading.tables import TableBatch, TableReader, TableRows
from sklearn_ann.reading.texts import TextReader

__all__ = [
    "Block",
    "Chunks",
    "Columns",
    "ConditionedBatch",
    "ConditionedReader",
    "ConditionedSamples",
    "Fields",
    "ForeignReader",
    "ForeignSamples",
    "GraphReader",
    "GraphSet",
    "GridBatch",
    "GridReader",
    "GridSamples",
    "Learned",
    "LetterBatch",
    "LetterReader",
    "LetterSamples",
    "LevelBatch",
    "LevelReader",
    "LevelSamples",
    "MixedReader",
    "NodeReader",
    "Reader",
    "RowReader",
    "RunningMoments",
    "ShapeGroups",
    "StandardizedRowReader",
    "TableBatch",
    "TableReader",
    "TableRows",
    "TextReader",
    "columns_of",
    "first_of",
]
