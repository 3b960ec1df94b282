// newuidmap(1) and newgidmap(1) on the short way: what the child does that becomes one of them. What they print is not kept: where one
// fails, the long way runs it again and says what it said.
import { HELPER_FOLDERS, helperSteps } from "../../launch/helper_steps.ts";
import type { Step } from "../../plan/step.ts";

export const MAP_PIECES = ["map uid", "map gid"] as const;
export type MapPiece = (typeof MAP_PIECES)[number];

const PROGRAMS: Readonly<Record<MapPiece, string>> = { "map uid": "newuidmap", "map gid": "newgidmap" };

/** Stands for the arguments of `piece`. */
export const mapArguments = (piece: MapPiece): string => `{${piece} arguments}`;

export function mapHelperSteps(piece: MapPiece): readonly Step[] {
  return helperSteps({ folders: HELPER_FOLDERS, program: PROGRAMS[piece], argv: [mapArguments(piece)] });
}
