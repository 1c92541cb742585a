/**
 * ISO 4217 list one, published 2024-06-25, as the npm package currency-codes 2.2.0 carries it, and XCG, which
 * replaced ANG on 2025-03-31: codes by their number of minor-unit digits. Codes without a minor unit (metals, funds, test codes) are left out:
 * a ledger that wants them registers them. The scale never comes from Intl, which follows CLDR and
 * says 0 for HUF, IDR, COP and PKR.
 */
const CODES_BY_SCALE: readonly (readonly [scale: number, codes: string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [
    2,
    'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP ' +
      'BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR ' +
      'FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW ' +
      'KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN ' +
      'NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD ' +
      'SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS ' +
      'VED VES WST XCD XCG YER ZAR ZMW ZWG',
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
];

export const ISO_4217_SCALES: ReadonlyMap<string, number> = new Map(
  CODES_BY_SCALE.flatMap(([scale, codes]) => codes.split(' ').map((code) => [code, scale] as const)),
);
