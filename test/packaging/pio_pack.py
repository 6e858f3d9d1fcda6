# SPDX-License-Identifier: BSL-1.0
"""`pio pkg pack`, with the one SPDX licence that it must know; it would download the list of all."""

import sys

from platformio.__main__ import main
from platformio.package.manifest.schema import ManifestSchema

ManifestSchema.load_spdx_licenses = staticmethod(lambda: {"licenses": [{"licenseId": "BSL-1.0"}]})
sys.exit(main(["platformio", "pkg", "pack", *sys.argv[1:]]))
