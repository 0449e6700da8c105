"""What a standalone cannot make anew, in one file: written while it runs, and put back.

`evener-db-manage backup`, `restore` and `move`. Must not know what rows are for, and changes nothing that it saves.
"""
