"""Writing to the books: one entry, many, and their mirrors. In the caller's database transaction, never committing."""

from ledger.posting.bulk import BulkPosted, EntryVerdict, post_many
from ledger.posting.find import EntryRow, EntryTransfer, find
from ledger.posting.one import Posted, post
from ledger.posting.reversals import reverse

__all__ = [
    "BulkPosted",
    "EntryRow",
    "EntryTransfer",
    "EntryVerdict",
    "Posted",
    "find",
    "post",
    "post_many",
    "reverse",
]
