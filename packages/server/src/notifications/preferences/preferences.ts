import { given } from '../../http/given.js';
import { NOTIFICATION_TYPES, type NotificationType } from '../notice.js';
import type { Language } from '../texts/texts.js';

export interface Channels {
  readonly inbox: boolean;
  readonly mail: boolean;
}

/** What a user wants to be notified of, where, and in which language. */
export interface Preferences {
  readonly language: Language;
  readonly types: Readonly<Record<NotificationType, Channels>>;
  /** By currency, in minor units: a settled balance that falls below it is told. */
  readonly lowBalances: Readonly<Record<string, string>>;
}

/** A channel that is left out stays as it is. */
type ChannelsChange = { readonly [Channel in keyof Channels]?: boolean | undefined };

export interface PreferencesChange {
  readonly language?: Language | undefined;
  readonly types?: { readonly [Type in NotificationType]?: ChannelsChange | undefined } | undefined;
  /** Null takes a threshold away. */
  readonly lowBalances?: Readonly<Record<string, string | null>> | undefined;
}

/** As they are stored: what a user never chose follows the defaults. */
export interface ChosenPreferences {
  readonly language: Language;
  readonly channels: Readonly<Partial<Record<NotificationType, Partial<Channels>>>>;
  readonly lowBalances: Readonly<Record<string, string>>;
}

export const NOTHING_CHOSEN: ChosenPreferences = { language: 'en', channels: {}, lowBalances: {} };

/**
 * A low balance has a threshold of the user's own, so that they asked to hear of it, and a new device may be a stranger's; other mails are asked for one type at a
 * time.
 */
const DEFAULTS: Readonly<Record<NotificationType, Channels>> = {
  money_in: { inbox: true, mail: false },
  money_out: { inbox: true, mail: false },
  hold_placed: { inbox: true, mail: false },
  hold_ended: { inbox: true, mail: false },
  refund: { inbox: true, mail: false },
  low_balance: { inbox: true, mail: true },
  new_device: { inbox: true, mail: true },
};

export function preferencesOf({ language, channels, lowBalances }: ChosenPreferences): Preferences {
  const types = Object.fromEntries(
    NOTIFICATION_TYPES.map((type) => [type, { ...DEFAULTS[type], ...channels[type] }]),
  ) as Record<NotificationType, Channels>;
  return { language, types, lowBalances };
}

export function changed(
  { language, channels, lowBalances }: ChosenPreferences,
  change: PreferencesChange,
): ChosenPreferences {
  const chosen = NOTIFICATION_TYPES.map((type) => {
    const { inbox = channels[type]?.inbox, mail = channels[type]?.mail } = change.types?.[type] ?? {};
    return [type, given({ inbox, mail })] as const;
  });
  const thresholds = Object.entries({ ...lowBalances, ...change.lowBalances });
  return {
    language: change.language ?? language,
    channels: Object.fromEntries(chosen),
    lowBalances: Object.fromEntries(thresholds.flatMap(([code, units]) => (units === null ? [] : [[code, units]]))),
  };
}
