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
  ReferenceField,
  WalletIdField,
} from '../http/fields.js';

/** Fields of every payment: a transfer, a hold, or a linked leg of either. */
export const PaymentFields = {
  from: WalletIdField,
  to: RecipientField,
  amount: AmountField,
  currency: CurrencyField,
  description: DescriptionField.optional(),
  metadata: MetadataField.optional(),
  reference: ReferenceField.optional(),
};

/** Fields of a payment that operators may make too. */
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
