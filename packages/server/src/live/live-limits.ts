/** Limits of the live streams of a process. */
export interface LiveLimits {
  /** No more than half of the files that the process may have open: the rest is for other requests and the database. */
  readonly streamsMax: number;
  /** Streams of one user or one operator's key. */
  readonly streamsPerPrincipalMax: number;
  /** Characters that wait for one client. */
  readonly bufferLengthMax: number;
  /** A client who is sent nothing else is sent a heartbeat this often. */
  readonly heartbeatMs: number;
  /** A client who takes nothing for so long, while something waits, is cut off. */
  readonly stallMs: number;
  /** The interval at which credentials, heartbeats and stalls are checked. */
  readonly checkMs: number;
  /** The time that a client has to read the last message. */
  readonly lingerMs: number;
  /** The number of rows of the log that a user may resume from before its end; operators have no limit. */
  readonly resumeRowsMax: number;
  /** Streams that read from the tables at the same time. */
  readonly catchUpsAtOnceMax: number;
}

const LIVE_LIMITS: LiveLimits = {
  streamsMax: 5_000,
  streamsPerPrincipalMax: 10,
  bufferLengthMax: 64 * 1024,
  heartbeatMs: 15_000,
  stallMs: 30_000,
  checkMs: 1_000,
  lingerMs: 1_000,
  resumeRowsMax: 100_000,
  catchUpsAtOnceMax: 4,
};

export function createLiveLimits(given: Partial<LiveLimits>): LiveLimits {
  const streamsMax = Math.min(LIVE_LIMITS.streamsMax, Math.floor(openFilesMax() / 2));
  return { ...LIVE_LIMITS, streamsMax, ...given };
}

/** Node's diagnostic report, and its option to leave out connections, whose host names it would look up. */
interface DiagnosticReport {
  excludeNetwork: boolean;
  getReport(): { readonly userLimits?: { readonly open_files: { readonly soft: number | 'unlimited' } } };
}

/** Sockets count as files. Windows names no limit. */
function openFilesMax(): number {
  const report = process.report as unknown as DiagnosticReport;
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  const soft = report.getReport().userLimits?.open_files.soft;
  report.excludeNetwork = excludeNetwork;
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY;
}
