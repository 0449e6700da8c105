"""The daemon on a network node: reconcile, observe, report. It knows no database and no HTTP."""
