"""Which keys of a vendor's file are kept: run by `go test ./src/packaging`."""
import glob
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "library"))
import ansible.module_utils  # noqa: E402
ansible.module_utils.__path__.append(os.path.join(HERE, "..", "module_utils"))
import lab_keys  # noqa: E402

# Debian's own keys, which every machine of Debian has.
FILES = sorted(glob.glob("/usr/share/keyrings/debian-archive-*-automatic.gpg"))[:2]


def read(path):
    """A file's bytes."""
    with open(path, "rb") as f:
        return f.read()


def shown(path):
    """The fingerprints of a file's primary keys, as gpg reads them."""
    with tempfile.TemporaryDirectory() as home:
        said = subprocess.check_output(["gpg", "--homedir", home, "--batch", "--with-colons", "--show-keys", path], stderr=subprocess.DEVNULL).decode()
    found, primary = [], False
    for line in said.splitlines():
        fields = line.split(":")
        if fields[0] == "fpr" and primary:
            found.append(fields[9])
            primary = False
        primary = primary or fields[0] == "pub"
    return found


class Keys(unittest.TestCase):
    """Two keys in one file, of which one is known."""

    def setUp(self):
        if len(FILES) < 2:
            self.skipTest("no keys of Debian are here")
        self.both = b"".join(read(path) for path in FILES)
        self.first, self.second = (shown(path)[0] for path in FILES)

    def kept(self, text, *fingerprints):
        """The fingerprints that gpg finds in what is kept."""
        with tempfile.NamedTemporaryFile(suffix=".asc") as f:
            f.write(lab_keys.known(text, fingerprints, "https://vendor.example/key"))
            f.flush()
            return shown(f.name)

    def test_only_the_named_key_is_kept(self):
        """As binary and in armor, as one block and as two."""
        one, two = (lab_keys.armored(read(path)) for path in FILES)
        for text in (self.both, lab_keys.armored(self.both), one + two, (one + two).replace(b"\n", b"\r\n")):
            self.assertEqual(self.kept(text, self.second), [self.second])
            self.assertEqual(self.kept(text, self.first, self.second), [self.first, self.second])

    def test_a_fingerprint_may_be_written_with_spaces(self):
        """As vendors print it."""
        self.assertEqual(self.kept(self.both, self.first[:4].lower() + " " + self.first[4:]), [self.first])

    def test_another_key_is_refused(self):
        """With what was found, and what was wanted."""
        with self.assertRaises(ValueError) as caught:
            lab_keys.known(read(FILES[0]), [self.second], "https://vendor.example/key")
        for word in ("https://vendor.example/key", self.first, self.second, "name its fingerprint in the profile"):
            self.assertIn(word, str(caught.exception))

    def test_no_key_is_refused(self):
        """A page of a proxy, a file cut short."""
        for text in (b"<html>sign in</html>", b"", self.both[:100]):
            with self.assertRaises((ValueError, IndexError)):
                lab_keys.known(text, [self.first], "https://vendor.example/key")

    def test_a_file_of_known_keys_is_settled(self):
        """Nothing is fetched then."""
        self.assertTrue(lab_keys.settled(FILES[0], [self.first]))
        self.assertFalse(lab_keys.settled(FILES[0], [self.second]))
        self.assertFalse(lab_keys.settled("/nowhere", [self.first]))


if __name__ == "__main__":
    unittest.main()
