"""Prints the packages that a profile takes from its distribution, one a line."""
import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as text:
    profile = yaml.safe_load(text)
names = list(profile["profile_tools"]) + [profile["profile_time"]["package"]]
for key, value in profile.items():
    # A part with a vendor's repository is the vendor's.
    part = key.removeprefix("profile_").removesuffix("_packages")
    owner = part.split("_")[0]
    if key.endswith("_packages") and not profile.get(f"profile_{owner}_repositories"):
        names += value
print("\n".join(dict.fromkeys(names)))
