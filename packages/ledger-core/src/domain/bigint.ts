export function largest(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

export function smallest(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
