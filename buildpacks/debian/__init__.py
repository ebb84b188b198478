"""A small Debian installer: the machine's own apt sources in, a root file system out."""
