// The labeler's messages in JSON, under the names that the pages use. `make protos` generates their types from the protos.
//
// Zeros, false, "" and empty lists are left out, and 64-bit numbers are strings: https://protobuf.dev/programming-guides/json

import type { MessageJsonType } from "@bufbuild/protobuf";

import type * as labeler from "../gen/somersault/v1/labeler_pb";
import type * as preference from "../gen/somersault/v1/preference_pb";

type Methods = (typeof labeler.LabelerService)["method"];
type MethodsByName = { [Name in keyof Methods as Capitalize<Name>]: Methods[Name] };

/** A method of the labeler, under its name in the protos. */
export type Method = keyof MethodsByName;
export type RequestOf<Name extends Method> = MessageJsonType<MethodsByName[Name]["input"]>;
export type ReplyOf<Name extends Method> = Received<MessageJsonType<MethodsByName[Name]["output"]>>;

/** Fields that the labeler never sends empty, so they are never left out. */
type Certain =
  | ("action" | "answerId" | "answerTime" | "commitTime" | "labelerId" | "leaseToken" | "number" | "preference" | "query")
  | ("queryId" | "readTime" | "reportTime" | "role" | "runId" | "secret" | "token" | "url" | "webhookId");

/** A message as the labeler sends it: certain fields are present, enums are specified, and numbers are finite. */
type Received<Value> = Value extends (infer Item)[]
  ? Received<Item>[]
  : Value extends object
    ? { [Field in Extract<keyof Value, Certain>]-?: Received<NonNullable<Value[Field]>> } & {
        [Field in keyof Value as Exclude<Field, Certain>]: Received<Value[Field]>;
      }
    : Exclude<Value, `${string}_UNSPECIFIED` | "NaN" | "Infinity" | "-Infinity">;

export type Agreement = ReplyOf<"GetAgreement">;
export type ClippedQuery = Received<labeler.ClippedQueryJson>;
export type Guidelines = ReplyOf<"GetGuidelines">;
export type Lease = Received<preference.LeaseJson>;
export type Labeler = Received<labeler.LabelerJson>;
export type LabelerQuality = Received<labeler.LabelerQualityJson>;
export type OwnAnswer = Received<labeler.OwnAnswerJson>;
export type PolicyClip = Received<labeler.PolicyClipJson>;
export type PracticePair = Received<labeler.PracticePairJson>;
export type PreferenceName = Received<preference.PreferenceJson>;
export type ProgressPoint = Received<labeler.ProgressPointJson>;
export type Role = Received<preference.RoleJson>;
export type Run = Received<labeler.RunJson>;
export type RunResult = Received<labeler.RunResultJson>;
export type RunState = Received<labeler.RunStateJson>;
export type Side = Received<preference.SideJson>;
export type Share = Received<labeler.ShareJson>;
export type Stats = ReplyOf<"GetStats">;
export type Webhook = Received<labeler.WebhookJson>;

/** What an owner may change in a run. */
export type RunChange = Omit<RequestOf<"UpdateRun">, "runId">;

/** An entry of the audit log; one that concerns no run has no run id. */
export type AuditEntry = Omit<Received<labeler.AuditEntryJson>, "role" | "runId"> & { role?: Role; runId?: string };

/** Return a 64-bit count, which is absent for 0, as a number. */
export function num(count: string | number | undefined): number {
  return Number(count ?? 0);
}
