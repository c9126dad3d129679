// The labeler's messages in JSON, by the names that the pages have for them. `make protos` makes their types from the protos.
//
// Zeros, false, "" and empty lists are left out, and 64-bit numbers are strings: https://protobuf.dev/programming-guides/json

import type { MessageJsonType } from "@bufbuild/protobuf";

import type * as labeler from "../gen/somersault/v1/labeler_pb";
import type * as preference from "../gen/somersault/v1/preference_pb";

type Methods = (typeof labeler.LabelerService)["method"];
type MethodsByName = { [Name in keyof Methods as Capitalize<Name>]: Methods[Name] };

/** A method of the labeler, by its name in the protos. */
export type Method = keyof MethodsByName;
export type RequestOf<Name extends Method> = MessageJsonType<MethodsByName[Name]["input"]>;
export type ReplyOf<Name extends Method> = Received<MessageJsonType<MethodsByName[Name]["output"]>>;

/** Fields that are in every message that has them: the labeler never sends them empty. */
type Certain =
  | ("action" | "answerId" | "answerTime" | "commitTime" | "labelerId" | "leaseToken" | "number" | "preference" | "query")
  | ("queryId" | "readTime" | "reportTime" | "role" | "runId" | "secret" | "token" | "url" | "webhookId");

/** What the labeler makes of a message: certain fields are there, enums are specified, and numbers are finite. */
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
export type Share = Received<labeler.ShareJson>;
export type Stats = ReplyOf<"GetStats">;
export type Webhook = Received<labeler.WebhookJson>;

/** What an owner may change in a run. */
export type RunChange = Omit<RequestOf<"UpdateRun">, "runId">;

/** An entry of the audit log. What concerns no run has none. */
export type AuditEntry = Omit<Received<labeler.AuditEntryJson>, "role" | "runId"> & { role?: Role; runId?: string };

/** Return a count as a number. Counts have 64 bits and are absent for 0. */
export function num(count: string | number | undefined): number {
  return Number(count ?? 0);
}
