"""Prints URL and SHA-256 of the image that the libvirt box of a profile is made of."""
import sys

import yaml

table, profile = sys.argv[1:]
with open(table, encoding="utf-8") as text:
    image = yaml.safe_load(text)[profile]["libvirt"]["image"]
print(image["url"], image["sha256"])
