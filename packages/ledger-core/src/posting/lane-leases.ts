/** One batch's hold on a lane. */
export interface LaneLease {
  /** The lane, for this batch alone; when the last lease was handed over, waits for the next one. */
  take(): Promise<number>;
  /** The whole batch is sent: the next batch may send before the responses have arrived. */
  handOver(): void;
  /** The responses have arrived. */
  end(): void;
}

export interface LaneLeases {
  /** A lease on a free lane, preferably one without batches that wait for responses. */
  takeFree(waitsBehind: boolean): LaneLease | undefined;
  /** A lease on the lane that is the first to be free. */
  takeNext(): Promise<LaneLease>;
}

interface LaneState {
  readonly index: number;
  isHeld: boolean;
  /** Batches whose responses have not arrived. */
  underWay: number;
}

/** Leases lanes to batches; `onFree` is called whenever a lane is free or its responses have arrived. */
export function createLaneLeases(laneCount: number, onFree: () => void): LaneLeases {
  const lanes: readonly LaneState[] = Array.from({ length: laneCount }, (_, index) => ({
    index,
    isHeld: false,
    underWay: 0,
  }));
  const waiters: ((lane: LaneState) => void)[] = [];

  function free(lane: LaneState): void {
    const next = waiters.shift();
    if (next !== undefined) {
      next(lane);
      return;
    }
    lane.isHeld = false;
    onFree();
  }

  async function holdNext(): Promise<LaneState> {
    const idle = findFree(true);
    if (idle === undefined) return new Promise<LaneState>((grant) => waiters.push(grant));
    idle.isHeld = true;
    return idle;
  }

  function findFree(waitsBehind: boolean): LaneState | undefined {
    const free = lanes.filter(({ isHeld }) => !isHeld);
    return free.find(({ underWay }) => underWay === 0) ?? (waitsBehind ? free[0] : undefined);
  }

  function leaseOn(first: LaneState): LaneLease {
    let lane: LaneState | undefined = first;
    let last = first;
    last.underWay += 1;
    const handOver = () => {
      const held = lane;
      lane = undefined;
      if (held !== undefined) free(held);
    };
    return {
      async take() {
        if (lane === undefined) {
          lane = await holdNext();
          last.underWay -= 1;
          last = lane;
          last.underWay += 1;
        }
        return lane.index;
      },
      handOver,
      end() {
        last.underWay -= 1;
        if (lane === undefined) onFree();
        else handOver();
      },
    };
  }

  return {
    takeFree(waitsBehind) {
      const lane = findFree(waitsBehind);
      if (lane === undefined) return undefined;
      lane.isHeld = true;
      return leaseOn(lane);
    },
    takeNext: async () => leaseOn(await holdNext()),
  };
}
