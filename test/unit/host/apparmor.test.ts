import { describe, expect, test } from "bun:test";
import { globMatches, parseLabel, profileFor } from "../../../src/host/apparmor.ts";
import { appArmorProfile, installProfile } from "../../../src/host/apparmor_profile.ts";

const CHROME = `# chrome of Ubuntu 24.04
abi <abi/4.0>,
include <tunables/global>

profile chrome /opt/google/chrome{,-beta,-unstable}/chrome flags=(unconfined) {
  userns,
  include if exists <local/chrome>
}
`;
const CONFINED =
  "/usr/sbin/tcpdump {\n  capability net_raw,\n  /etc/ethers r,\n}\nprofile other /usr/bin/other {\n  userns create,\n}\n";

describe("label", () => {
  test.each([
    ["unconfined\n", { profile: "unconfined", mode: "unconfined" }],
    ["docker-default (enforce)\n", { profile: "docker-default", mode: "enforce" }],
    ["chrome (unconfined)\n", { profile: "chrome", mode: "unconfined" }],
    ["/usr/bin/my app (complain)\0", { profile: "/usr/bin/my app", mode: "complain" }],
  ])("%p", (text, label) => {
    expect(parseLabel(text)).toEqual(label);
  });
  test("nothing is no label", () => {
    expect(parseLabel("")).toBeUndefined();
  });
});

describe("profile on disk", () => {
  test("one that is attached to the path and allows user namespaces", () => {
    expect(profileFor(CHROME, "/opt/google/chrome-beta/chrome")).toEqual({ allowsUserns: true });
    expect(profileFor(CHROME, "/opt/google/chrome/chrome")).toEqual({ allowsUserns: true });
  });
  test("one that confines allows none unless it says so, and only for itself", () => {
    expect(profileFor(CONFINED, "/usr/sbin/tcpdump")).toEqual({ allowsUserns: false });
    expect(profileFor(CONFINED, "/usr/bin/other")).toEqual({ allowsUserns: true });
  });
  test("a rule about a path attaches no profile to it", () => {
    expect(profileFor(CONFINED, "/etc/ethers")).toBeUndefined();
    expect(profileFor(CHROME, "/opt/google/chromium/chrome")).toBeUndefined();
  });
  test.each([
    ["/usr/bin/*", "/usr/bin/a", true],
    ["/usr/bin/*", "/usr/bin/a/b", false],
    ["/opt/**", "/opt/a/b", true],
    ["@{HOME}.local/bin/x", "/home/alice/.local/bin/x", true],
    ["@{bin}/ls", "/usr/bin/ls", true],
    ["@{unheard_of}/ls", "/usr/bin/ls", false],
    ["/a?[bc]", "/axb", true],
    ["/a.b", "/axb", false],
    ["/a\\*", "/a*", true],
    ["/{a", "/a", false],
  ])("pattern %s matches %s: %p", (glob, path, matches) => {
    expect(globMatches(glob, path)).toBe(matches);
  });
});

describe("the profile for our own path", () => {
  test.each(["/usr/bin/sandbox", "/home/alice/.local/bin/sandbox", "/opt/my tools/sandbox", "/opt/a*[b]{c}@/sandbox"])(
    "is one that we recognise as attached to %s",
    (path) => {
      expect(profileFor(appArmorProfile(path).text, path)).toEqual({ allowsUserns: true });
    },
  );
  test("is named after the path", () => {
    const { file, text } = appArmorProfile("/home/alice/.local/bin/sandbox");
    expect(file).toBe("/etc/apparmor.d/home.alice..local.bin.sandbox");
    expect(text).toContain("profile home.alice..local.bin.sandbox /home/alice/.local/bin/sandbox flags=(unconfined) {");
  });
  test("comes with the commands that write and load it", () => {
    expect(installProfile("/usr/bin/sandbox")).toBe(`sudo tee /etc/apparmor.d/usr.bin.sandbox >/dev/null <<'EOF'
abi <abi/4.0>,
include <tunables/global>

profile usr.bin.sandbox /usr/bin/sandbox flags=(unconfined) {
  userns,
  include if exists <local/usr.bin.sandbox>
}
EOF
sudo apparmor_parser -r /etc/apparmor.d/usr.bin.sandbox`);
  });
});
