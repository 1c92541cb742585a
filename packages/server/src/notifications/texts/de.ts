import type { Texts } from './texts.js';

export const DE: Texts = {
  types: {
    money_in: ({ amount, wallet }) => ({
      title: `Sie haben ${amount} erhalten`,
      text: `${amount} sind in Ihrer Wallet „${wallet}“ eingegangen.`,
    }),
    money_out: ({ amount, wallet }) => ({
      title: `Sie haben ${amount} gezahlt`,
      text: `${amount} wurden von Ihrer Wallet „${wallet}“ abgebucht.`,
    }),
    hold_placed: ({ amount, wallet, isIn }) =>
      isIn
        ? { title: `${amount} sind für Sie reserviert`, text: `${amount} sind für Ihre Wallet „${wallet}“ reserviert.` }
        : { title: `${amount} sind reserviert`, text: `In Ihrer Wallet „${wallet}“ sind ${amount} reserviert.` },
    hold_ended: ({ amount, wallet, isIn, isExpired }) => ({
      title: isExpired ? `Reservierung über ${amount} abgelaufen` : `Reservierung über ${amount} aufgehoben`,
      text: isIn
        ? `${amount} sind nicht mehr für Ihre Wallet „${wallet}“ reserviert.`
        : `${amount} sind in Ihrer Wallet „${wallet}“ wieder verfügbar.`,
    }),
    refund: ({ amount, wallet, isIn }) =>
      isIn
        ? {
            title: `${amount} wurden Ihnen erstattet`,
            text: `${amount} sind in Ihre Wallet „${wallet}“ zurückgekommen.`,
          }
        : {
            title: `${amount} wurden erstattet`,
            text: `${amount} einer Zahlung an Ihre Wallet „${wallet}“ gingen an den Zahler zurück.`,
          },
    low_balance: ({ amount, wallet, threshold }) => ({
      title: 'Ihr Guthaben ist niedrig',
      text: `Das Guthaben Ihrer Wallet „${wallet}“ beträgt ${amount}, weniger als ${threshold}.`,
    }),
  },
  newDevice: ({ device = 'Ein unbekanntes Programm', network }) => ({
    title: 'Anmeldung mit einem neuen Gerät',
    text:
      `${device} hat sich von ${network} aus in Ihrem Konto angemeldet. Dieses Gerät war dort noch nicht angemeldet. ` +
      'Wenn Sie das nicht waren, ändern Sie bitte sofort Ihr Passwort.',
  }),
  footer: 'Sie haben diese E-Mail gewünscht. Das können Sie in den Benachrichtigungseinstellungen Ihres Kontos ändern.',
};
