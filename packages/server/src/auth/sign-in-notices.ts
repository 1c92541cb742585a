import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';

/** Who tells users of their sign-ins. */
export interface SignInNotices {
  /** Tells of a device and a network that the user's sessions were not seen with. An empty device said nothing of itself. */
  newDevice(
    transaction: Database,
    userId: UserId,
    seen: { readonly device: string; readonly network: string },
  ): Promise<void>;
}
