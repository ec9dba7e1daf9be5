// For the browser's look at the status page: schema changes in every state, in the shape that the server tells them, in place of those that it has.
// Only the state of each is made up; everything else on the page is the server's.
{
  const one = (id, status, more) => ({
    id, status, rowsDone: 0, rowsTotal: -1, rate: 0, etaSeconds: null, error: null, table: 'transmissions', kind: 'backfill',
    partitionsDone: 0, partitionsTotal: -1, trouble: null, note: '', updated: '2026-11-22T05:00:00Z', ...more});
  const shown = {
    migrations: [
      one('add-region', 'done', {kind: 'addColumn', rowsDone: 71000, rowsTotal: 71000, rate: 31000, etaSeconds: 0, partitionsDone: 23, partitionsTotal: 23}),
      one('last-seen', 'running', {rowsDone: 41233, rowsTotal: 71000, rate: 8123.4, etaSeconds: 3.7, partitionsDone: 12, partitionsTotal: 23}),
      one('first-moments', 'running', {table: 'observations', note: 'the partition is being counted'}),
      one('by-failure', 'pending', {kind: 'addIndex', note: 'waits for last-seen', partitionsTotal: 23}),
      one('large', 'pending', {table: 'archive', rowsTotal: 48_000_000, partitionsTotal: 730, note: 'waits for approval: 48,000,000 rows are more than 5,000,000 (levee migrate apply FILE --approve)'}),
      one('on-a-full-disk', 'running', {table: 'packets', rowsDone: 812, rowsTotal: 9120, partitionsDone: 1, partitionsTotal: 9, trouble: 'DISK_FULL', note: 'waits: the volume is full (DISK_FULL); it goes on when there is room'}),
      one('no-tmp', 'paused', {table: 'checks', kind: 'dropColumn', rowsDone: 500, rowsTotal: 9120, partitionsDone: 1, partitionsTotal: 9, note: 'it was paused'}),
      one('after-a-kill', 'interrupted', {table: 'jobs', rowsDone: 12, rowsTotal: 900, partitionsDone: 0, partitionsTotal: 4}),
      one('a-name-that-somebody-made-very-long-because-nobody-said-that-one-should-not', 'failed', {table: 'invocations', rowsDone: 1200, rowsTotal: 250000,
        partitionsDone: 2, partitionsTotal: 31, error: "LEVEE-400 BAD_VALUE: invocations/2026-05-20: [SQLITE_ERROR] SQL error or missing database (malformed JSON) <b>in row 17592186044415</b>"}),
    ],
    migrationsRunning: true, migrationsPaused: false, migrationsError: null};
  const told = EventTarget.prototype.addEventListener;
  EventSource.prototype.addEventListener = function (type, hear) {
    told.call(this, type, type !== 'status' ? hear
      : event => hear(new MessageEvent('status', {data: JSON.stringify({...JSON.parse(event.data), ...shown})})));
  };
}
