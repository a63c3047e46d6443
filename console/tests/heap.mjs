// Searches the strings of the page's heap.

/** Whether each text is in a string of the heap, after a garbage collection. */
export async function heapHolds(page, texts) {
  const session = await page.context().newCDPSession(page);
  const chunks = [];
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(chunk));
  await session.send('HeapProfiler.enable');
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  await session.detach();
  const { strings } = JSON.parse(chunks.join(''));
  return { strings: strings.length, found: texts.map((text) => strings.some((string) => string.includes(text))) };
}
