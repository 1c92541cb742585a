/** The place that the printed commands read the operator's API key from. */
export type OperatorKeySource =
  | { readonly kind: 'environment' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'unknown' };

function readOperatorKey(source: OperatorKeySource): string {
  switch (source.kind) {
    case 'environment':
      return 'operator="$OPERATOR_API_KEY"';
    case 'file':
      return `operator="$(cat '${source.path}')"`;
    case 'unknown':
      return "operator='the operator key, printed at the first start'";
  }
}

/** Clients cannot name every address, which a server in a container listens on. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

/**
 * The first payment, for bash with curl and node: the lines that the server prints when it starts and the README
 * shows. The tests run them as they are.
 */
export function firstSteps(url: string, operatorKey: OperatorKeySource): string {
  return `${readOperatorKey(operatorKey)}
api() { curl -sS -w '\\n' -H 'Content-Type: application/json' "${reachable(url)}$1" "\${@:2}"; }
field() { node -p "JSON.parse(fs.readFileSync(0, 'utf8')).$1"; }

# Register two new users. Each gets an empty USD wallet.
run=$(date +%s)$$
alice=$(api /v1/auth/register \\
  -d '{"email":"alice-'$run'@example.com","password":"correct horse battery"}')
api /v1/auth/register \\
  -d '{"email":"bob-'$run'@example.com","password":"battery staple correct"}'
token=$(field accessToken <<< "$alice")
wallet=$(field wallet.id <<< "$alice")

# The operator deposits 50.00 USD into Alice's wallet. Amounts are in minor units.
api /v1/deposits -H "Authorization: Bearer $operator" \\
  -H "Idempotency-Key: first-deposit-$wallet" \\
  -d '{"wallet":"'$wallet'","amount":"5000","currency":"USD"}'

# Alice pays Bob 12.50 USD. Send it twice: Bob is paid once.
api /v1/transfers -H "Authorization: Bearer $token" \\
  -H "Idempotency-Key: lunch-1" \\
  -d '{"from":"'$wallet'","to":"bob-'$run'@example.com","amount":"1250","currency":"USD"}'

# Her history, newest first.
api /v1/wallets/$wallet/entries -H "Authorization: Bearer $token"
`;
}
