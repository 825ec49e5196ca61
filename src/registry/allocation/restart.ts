import type { HolderRecord, RegistryDocument } from "../../stores/document.ts";
import { timeText } from "../../stores/time-text.ts";
import { withHolders } from "../document/edit-document.ts";
import { toHolder } from "../document/records.ts";
import type { Holder } from "../holder.ts";
import { usesOf } from "./take-port.ts";

/**
 * Notes until when a holder may be restarting the container, or that it no longer is. Changes nothing if the holder has left,
 * and while another one that is not gone may be restarting it.
 */
export function announceRestartIn(
  newest: RegistryDocument,
  projectKey: string,
  { holderId, until }: { readonly holderId: string; readonly until: Date | undefined },
  isGone: (holder: Holder) => boolean,
  now: Date,
): { readonly document: RegistryDocument; readonly isAnnounced: boolean } {
  const holders = newest.holders.get(projectKey) ?? [];
  if (!holders.some(({ id }) => id === holderId)) return { document: newest, isAnnounced: true };
  const others = holders.filter(({ id }) => id !== holderId).map(toHolder);
  const isTurn =
    until === undefined ||
    !usesOf(
      others.filter((holder) => !isGone(holder)),
      now,
    ).isBeingRestarted;
  if (!isTurn) return { document: newest, isAnnounced: false };
  const noted = ({ restarts_until: _, ...record }: HolderRecord): HolderRecord =>
    until === undefined ? record : { ...record, restarts_until: timeText(until) };
  const document = withHolders(
    newest,
    projectKey,
    holders.map((record) => (record.id === holderId ? noted(record) : record)),
  );
  return { document, isAnnounced: true };
}
