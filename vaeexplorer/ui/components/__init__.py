"""Live parts of the pages, one folder each: the typed Python side beside its JavaScript and styles.

What several of them use lies in `shared/`; live_files knows all files that go to the browser.
"""
