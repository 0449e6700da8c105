"""Why a backup is not made, or not put back."""


class BackupError(Exception):
    """Nothing is changed, with the reason."""


class NotABackup(BackupError):
    """A file is not what this program has written, or not as it has written it."""


class Refused(BackupError):
    """What is there must not be saved, or replaced."""
