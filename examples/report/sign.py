"""Prints the signature of a file: sign.py KEY FILE."""

import hashlib
import hmac
import pathlib
import sys

key, text = (pathlib.Path(p).read_bytes() for p in sys.argv[1:])
print(hmac.new(key, text, hashlib.sha256).hexdigest())
