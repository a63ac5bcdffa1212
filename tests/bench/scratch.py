"""Folders to measure in. They are removed when everything has been measured: ext4 gives out no inode that was freed in
the last minutes, and after thousands of them every new file would cost it a long search."""
import atexit
import shutil
import tempfile


def scratch(prefix):
    """The path of a new one."""
    folder = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
