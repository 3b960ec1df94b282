// newuidmap(1) and newgidmap(1) on the short way: what the child does that becomes one of them. What they print is not kept: where one
// fails, the long way runs it again and says what it said.
import { AT_FDCWD } from "../../../ffi/file.ts";
import { HELPER_FOLDERS } from "../../launch/id_map_helpers.ts";
import { Program } from "../../plan/program.ts";
import { type Argument, named, type Step } from "../../plan/step.ts";

export const MAP_PIECES = ["map uid", "map gid"] as const;
export type MapPiece = (typeof MAP_PIECES)[number];

const PROGRAMS: Readonly<Record<MapPiece, string>> = { "map uid": "newuidmap", "map gid": "newgidmap" };
const AIM = { kind: "release" } as const;

/** Stands for the arguments of `piece`. */
export const mapArguments = (piece: MapPiece): string => `{${piece} arguments}`;

export function mapHelperSteps(piece: MapPiece): readonly Step[] {
  const program = new Program();
  const none: Argument = { kind: "bytes", content: new Uint8Array(8), shown: "[]" };
  const argv: Argument = { kind: "strings", list: [mapArguments(piece)] };
  const nothing = program.let("null", AIM, "openat", [named(AT_FDCWD, "AT_FDCWD"), "/dev/null", named(2, "O_RDWR"), 0]);
  for (const fd of [0, 1, 2]) program.add(AIM, "dup3", [nothing, fd, 0]);
  program.add(AIM, "rt_sigprocmask", [named(2, "SIG_SETMASK"), none, 0, 8]);
  HELPER_FOLDERS.forEach((folder, i) => {
    const last = i === HELPER_FOLDERS.length - 1;
    const tolerate = last ? {} : ({ tolerate: ["ENOENT", "ENOTDIR", "EACCES"] } as const);
    program.add(AIM, "execve", [`${folder}/${PROGRAMS[piece]}`, argv, none], tolerate);
  });
  return program.steps;
}
