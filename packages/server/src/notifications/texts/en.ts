import type { Texts } from './texts.js';

export const EN: Texts = {
  types: {
    money_in: ({ amount, wallet }) => ({
      title: `You received ${amount}`,
      text: `${amount} arrived in your wallet "${wallet}".`,
    }),
    money_out: ({ amount, wallet }) => ({
      title: `You paid ${amount}`,
      text: `${amount} left your wallet "${wallet}".`,
    }),
    hold_placed: ({ amount, wallet, isIn }) =>
      isIn
        ? { title: `${amount} is held for you`, text: `${amount} is set aside for your wallet "${wallet}".` }
        : { title: `${amount} is held`, text: `${amount} of your wallet "${wallet}" is set aside.` },
    hold_ended: ({ amount, wallet, isIn, isExpired }) => ({
      title: isExpired ? `A hold of ${amount} expired` : `A hold of ${amount} was released`,
      text: isIn
        ? `${amount} is no longer set aside for your wallet "${wallet}".`
        : `${amount} of your wallet "${wallet}" is available again.`,
    }),
    refund: ({ amount, wallet, isIn }) =>
      isIn
        ? { title: `You were refunded ${amount}`, text: `${amount} came back to your wallet "${wallet}".` }
        : {
            title: `${amount} was refunded`,
            text: `${amount} of a payment to your wallet "${wallet}" went back to the payer.`,
          },
    low_balance: ({ amount, wallet, threshold }) => ({
      title: 'Your balance is low',
      text: `The balance of your wallet "${wallet}" is ${amount}, less than ${threshold}.`,
    }),
  },
  newDevice: ({ device = 'An unknown program', network }) => ({
    title: 'A sign-in from a new device',
    text:
      `${device} signed in to your account from ${network}. This device was not seen there before. ` +
      'If it was not you, change your password at once.',
  }),
  footer: 'You chose to receive this mail. You can change that in the notification preferences of your account.',
};
