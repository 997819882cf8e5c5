"""Live parts of the pages, one folder each: the typed Python side beside its JavaScript and styles."""
