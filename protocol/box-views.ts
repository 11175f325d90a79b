/** What the page shows beside updates: the box itself, settings, a package that a person brings, the support bundle. */
import type { ChannelName } from './channel-keys.ts';
import type { pageSettings } from './operations.ts';
import type { CheckUp, ConfigView, Fault, Gate, HistoryEntry, KeyView, LogLine, Status } from './views.ts';

/** The box as it is now; null = this kind of machine cannot tell. */
export interface BoxFacts {
  readonly at: string;
  readonly model: string | null;
  readonly system: string;
  readonly uptime_s: number;
  /** Processors, and how busy they were over the last minute (1 = one of them all the time). */
  readonly processors: number;
  readonly load: number;
  readonly temperature_c: number | null;
  /** Slowed down by heat, right now. */
  readonly throttled: boolean | null;
  /** The supply voltage is too low, right now. */
  readonly under_voltage: boolean | null;
  readonly memory: { readonly total_bytes: number; readonly available_bytes: number };
  readonly disks: readonly { readonly mount: string; readonly total_bytes: number; readonly free_bytes: number }[];
  readonly network: readonly NetworkFacts[];
  /** Those of the configuration, in its order. */
  readonly services: readonly {
    readonly name: string;
    readonly state: 'active' | 'starting' | 'failed' | 'inactive' | 'absent';
    readonly restarts: number;
  }[];
  /** The last 24 hours of this boot, oldest first, every five minutes. */
  readonly day: readonly DayPoint[];
}

export interface NetworkFacts {
  readonly name: string;
  readonly up: boolean;
  readonly wireless: boolean;
  readonly addresses: readonly string[];
}

export interface DayPoint {
  readonly at: string;
  readonly temperature_c: number | null;
  /** Where the updater keeps its state. */
  readonly free_bytes: number;
}

export type PageSetting = (typeof pageSettings)[number];

/** What the page may set, and what it only shows. */
export interface SettingsView {
  readonly settings: { readonly [K in PageSetting]: SettingView<K extends 'auto_install' ? boolean : string | null> };
  /** Without name and password. */
  readonly server_url: string | null;
}

export interface SettingView<T> {
  readonly value: T;
  readonly source: 'file' | 'settings' | 'default';
  /** What a value must be, for people. */
  readonly expected: string;
  readonly meaning: string;
}

/** A package that a person brings to a box without network. It lives until it is discarded, replaced, or the box boots. */
export interface UploadView {
  readonly name: string;
  readonly version: number;
  readonly size_bytes: number;
  /** Where the next `PUT` goes on. */
  readonly received_bytes: number;
  /** `ready`: signed by a pinned key, whole, for this box; only then `upload_install` takes it. */
  readonly state: 'receiving' | 'judging' | 'ready' | 'refused';
  /** Why it was refused; null else. */
  readonly fault: Fault | null;
  /** What the package says of itself; null until it is `ready`. */
  readonly release: {
    readonly signed_by: string;
    readonly sha256: string;
    readonly unpacked_bytes: number;
    readonly hardware: readonly string[] | null;
    readonly notes: string | null;
    /** When these very bytes failed or were undone here: they are installed with `retry` alone. Null = they were not. */
    readonly failed_before: string | null;
  } | null;
}

/** What the box is put together of, and what it could be. */
export interface ComponentsView {
  readonly channel: ChannelName;
  /** Release that a new update would be of, by the signed index; null = not known. */
  readonly release: number | null;
  /** SHA-256 of the package that runs, as it was recorded when it was installed; null = none was. */
  readonly image: string | null;
  readonly components: readonly ComponentView[];
  /** Why nothing is known of what is available; null when it is. */
  readonly fault: Fault | null;
}

export interface ComponentView {
  readonly name: string;
  /** The version that runs; null = it is not on this box. */
  readonly running: string | null;
  /** The version that a new update would have; null = there is none for this box. */
  readonly available: string | null;
  readonly requires: readonly string[];
  readonly conflicts: readonly string[];
}

/** One document for whoever helps; nothing in it is secret. */
export interface Bundle {
  readonly made_at: string;
  readonly status: Status;
  readonly gates: readonly Gate[];
  readonly facts: BoxFacts;
  readonly doctor: readonly CheckUp[];
  readonly history: readonly HistoryEntry[];
  readonly config: ConfigView;
  readonly keys: readonly KeyView[];
  readonly log: readonly LogLine[];
}
