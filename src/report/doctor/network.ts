// A network of a sandbox's own goes through a TUN device.
import { errnoName } from "../../../ffi/errno.ts";
import { explainUsernsFailure } from "../../host/explain_userns_failure.ts";
import type { HostFacts } from "../../host/host_facts.ts";
import type { ModuleState } from "../../host/modules.ts";
import { type Finder, type Finding, info, ok, trouble } from "./finding.ts";

const [ID, TITLE] = ["network.tun", "TUN device"] as const;

export const findNetwork: Finder = (facts) => [tun(facts)];

function tun(facts: HostFacts): Finding {
  const state = facts.devices.tun;
  switch (state.kind) {
    case "ready":
      return device(facts);
    case "missing":
      return trouble(
        "warn",
        [ID, TITLE, `/dev/net/tun does not exist; module tun: ${shown(state.module)}`],
        "tun-missing",
        facts,
      );
    case "no-driver":
      return trouble("warn", [ID, TITLE, `no driver; module tun: ${shown(state.module)}`], "tun-no-driver", facts);
    case "denied":
      return trouble("warn", [ID, TITLE, `opening /dev/net/tun gave ${state.errno}`], "tun-denied", facts);
    case "failed":
      return trouble("warn", [ID, TITLE, `opening /dev/net/tun gave ${state.errno}`], "refused-unknown", facts);
  }
}

function shown(state: ModuleState): string {
  return state === "unknown" ? "no list of modules here" : state;
}

function device(facts: HostFacts): Finding {
  const result = facts.probes.tun;
  switch (result.kind) {
    case "ok":
      return ok(
        ID,
        TITLE,
        "made one in a network namespace",
        "a sandbox can have a network, with rules, and no root outside",
      );
    case "skipped":
      return info(ID, TITLE, `not tried: ${result.why}`, "a network of its own reaches a sandbox through it");
    case "failed": {
      const { cause, hint } = explainUsernsFailure(facts, result.step, result.errno);
      const detail = `${result.call} gave ${errnoName(result.errno)} at step ${result.step}`;
      return { id: ID, title: TITLE, state: "warn", detail, meaning: cause, mend: hint };
    }
  }
}
