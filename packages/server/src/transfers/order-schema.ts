import {
  AmountField,
  CurrencyField,
  DescriptionField,
  EffectiveAtField,
  EXAMPLE_IDS,
  MetadataField,
  PayeeField,
  PayerField,
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

/** What a payment says that operators make too. */
export const TransferFields = {
  ...PaymentFields,
  from: PayerField,
  to: PayeeField,
  effectiveAt: EffectiveAtField.optional(),
};

export const EXAMPLE_POST_TRANSFER = {
  from: EXAMPLE_IDS.wallet,
  to: 'bob@example.com',
  amount: '1250',
  currency: 'USD',
  description: 'Lunch',
};
