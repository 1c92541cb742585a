import {
  AmountField,
  CurrencyField,
  DescriptionField,
  MetadataField,
  RecipientField,
  WalletIdField,
} from '../http/fields.js';

/** What every payment says: a transfer, a hold, and the legs of linked ones. */
export const PaymentFields = {
  from: WalletIdField,
  to: RecipientField,
  amount: AmountField,
  currency: CurrencyField,
  description: DescriptionField.optional(),
  metadata: MetadataField.optional(),
};
