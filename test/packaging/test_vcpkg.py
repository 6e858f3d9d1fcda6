# SPDX-License-Identifier: BSL-1.0
"""The port of vcpkg, without vcpkg: its steps are run with the functions of vcpkg_functions.cmake, and
its manifest is held to what vcpkg's reference says of each field."""

import json
import re

from support import PROGRAM, ROOT, Case, version

PORT = ROOT / "ports" / "vmem"
HERE = ROOT / "test" / "packaging"

SCRIPT = """\
cmake_minimum_required(VERSION 3.23)
set(PORT vmem)
set(VCPKG_TARGET_IS_LINUX TRUE)
set(CURRENT_PORT_DIR "{port}")
set(CURRENT_PACKAGES_DIR "{scratch}/packages")
set(CURRENT_BUILDTREES_DIR "{scratch}/buildtrees")
include("{functions}")
include("{port}/portfile.cmake")
"""

IDENTIFIER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
VERSION_FIELDS = {"version", "version-semver", "version-date", "version-string"}
FIELDS = VERSION_FIELDS | {
    "name", "port-version", "maintainers", "summary", "description", "homepage", "documentation",
    "license", "supports", "dependencies", "dev-dependencies", "features", "default-features",
    "overrides", "builtin-baseline", "configuration"}
DEPENDENCY_FIELDS = {"name", "default-features", "features", "host", "platform", "version>="}
FEATURE_FIELDS = {"description", "dependencies", "supports", "license"}


def comment(field):
    return field.startswith("$")


class Manifest(Case):
    def setUp(self):
        super().setUp()
        self.manifest = json.loads((PORT / "vcpkg.json").read_text(encoding="utf-8"))

    def test_fields(self):
        self.assertEqual([f for f in self.manifest if f not in FIELDS and not comment(f)], [])
        self.assertEqual(len(VERSION_FIELDS & set(self.manifest)), 1)
        self.assertEqual(self.manifest["name"], PORT.name)
        self.assertRegex(self.manifest["version-semver"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(self.manifest["license"], "BSL-1.0")
        self.assertLess(len(self.manifest["description"][0]), 100)

    def test_version_is_the_library_s(self):
        self.assertEqual(self.manifest["version-semver"], version())

    def test_dependencies(self):
        features = self.manifest["features"]
        for where in (self.manifest, *features.values()):
            for dependency in where.get("dependencies", []):
                fields = {"name": dependency} if isinstance(dependency, str) else dependency
                self.assertLessEqual(set(fields), DEPENDENCY_FIELDS)
                self.assertTrue(IDENTIFIER.fullmatch(fields["name"]), fields)
                self.assertRegex(fields.get("version>=", "1.0"), r"^\d[\w.-]*(#\d+)?$")

    def test_features(self):
        for name, feature in self.manifest["features"].items():
            self.assertTrue(IDENTIFIER.fullmatch(name), name)
            self.assertLessEqual(set(feature), FEATURE_FIELDS)
            self.assertIn("description", feature)
        self.assertLessEqual(set(self.manifest["default-features"]), set(self.manifest["features"]))

    def test_formatted_as_vcpkg_would(self):
        """Two spaces, dependencies and features in the order of the alphabet, a line's end at the end."""
        text = (PORT / "vcpkg.json").read_text(encoding="utf-8")
        self.assertEqual(text, json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n")
        self.assertEqual(list(self.manifest["features"]), sorted(self.manifest["features"]))
        names = [d if isinstance(d, str) else d["name"] for d in self.manifest["dependencies"]]
        self.assertEqual(names, sorted(names))


class Portfile(Case):
    def test_package_is_built_and_run(self):
        script = self.scratch / "port.cmake"
        script.write_text(SCRIPT.format(port=PORT, scratch=self.scratch,
                                        functions=HERE / "vcpkg_functions.cmake"), encoding="utf-8")
        self.run_tool("cmake", "-P", script)
        package = self.scratch / "packages"
        self.check_what_vcpkg_checks(package)
        self.check_usage(package)
        self.build_and_run(ROOT / "test/consumer/program", f"-DCMAKE_PREFIX_PATH={package}",
                           f"-DPROGRAM={PROGRAM}")

    def check_what_vcpkg_checks(self, package):
        """The checks that vcpkg makes of every package when it has been built."""
        share = package / "share" / "vmem"
        for wanted in ("copyright", "usage", "vmemConfig.cmake", "vmemConfigVersion.cmake"):
            self.assertTrue((share / wanted).is_file(), f"share/vmem/{wanted} is missing")
        self.assertTrue((package / "include/vmem/vmem.hpp").is_file())
        for unwanted in ("debug/include", "debug/share", "lib/cmake", "cmake", "share/cmake", "bin"):
            self.assertFalse((package / unwanted).exists(), f"{unwanted} should not be there")
        empty = [p for p in package.rglob("*") if p.is_dir() and not any(p.iterdir())]
        self.assertEqual(empty, [], "empty folders")
        for file in package.rglob("*.cmake"):
            text = file.read_text(encoding="utf-8")
            self.assertNotIn(str(self.scratch), text, f"{file.name} has an absolute path")
            self.assertNotIn(str(ROOT), text, f"{file.name} has an absolute path")

    def check_usage(self, package):
        """The targets that the usage text names are those that the package has."""
        usage = (package / "share/vmem/usage").read_text(encoding="utf-8")
        exported = "".join(file.read_text(encoding="utf-8")
                           for file in (package / "share/vmem").glob("*-targets.cmake"))
        self.assertEqual(set(re.findall(r"vmem::\w+", usage)),
                         set(re.findall(r"add_library\((vmem::\w+)", exported)))
