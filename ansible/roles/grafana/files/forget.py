"""Empty what Grafana's database holds encrypted: Grafana writes it anew from its files."""
# Python 2.7 of CentOS 7 runs this, too.
from __future__ import absolute_import, division, print_function

import os
import sqlite3
import sys

PATH = sys.argv[1] if len(sys.argv) > 1 else "/var/lib/grafana/grafana.db"
# Data keys are encrypted with the key, the other values with a data key.
TABLES = ("data_keys", "secrets", "signing_key")
COLUMNS = (("data_source", "secure_json_data"), ("plugin_setting", "secure_json_data"))


def main():
    """Run it; a database that is not there has nothing to forget."""
    if not os.path.exists(PATH):
        return
    database = sqlite3.connect(PATH)
    there = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in TABLES:
        if table in there:
            database.execute("DELETE FROM " + table)
    for table, column in COLUMNS:
        if table in there:
            database.execute("UPDATE %s SET %s = '{}'" % (table, column))
    database.commit()
    print("changed")


main()
