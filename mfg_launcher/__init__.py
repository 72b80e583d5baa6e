"""What `./mfg` is made of: Python standard library only, nothing of it is needed by the addons."""
