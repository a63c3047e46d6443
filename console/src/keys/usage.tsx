// A key's requests of the last 30 days: as a spark line in a row, and as a chart with a table on its page.

import type { Key } from '../api/types.ts';
import { formatNumber, formatUtcDay } from '../format.ts';
import { texts } from '../texts.ts';

type Usage = Key['usage'];

const WIDTH = 90;
const HEIGHT = 24;

/** The requests of the last 30 days, and of today. */
function sum(days: NonNullable<Usage['days']>): { month: number; today: number } {
  return { month: days.reduce((total, day) => total + day.count, 0), today: days[0]?.count ?? 0 };
}

export function describeUsage({ total, days }: Usage): string {
  if (!days) return texts.keys.usageTotal(total);
  const { month, today } = sum(days);
  return texts.keys.usage(month, today);
}

export function requestsOfWeek({ days }: Usage): number {
  return sum((days ?? []).slice(0, 7)).month;
}

export function SparkLine({ usage }: { usage: Usage }) {
  if (!usage.days) return <span>{formatNumber(usage.total)}</span>;
  // Oldest first, from left to right.
  const counts = usage.days.map((day) => day.count).reverse();
  const max = Math.max(1, ...counts);
  const step = WIDTH / (counts.length - 1);
  const points = counts.map(
    (count, day) => `${(day * step).toFixed(1)} ${(HEIGHT - 2 - (count / max) * (HEIGHT - 4)).toFixed(1)}`,
  );
  return (
    <span class="spark">
      <span>{formatNumber(usage.total)}</span>
      <svg
        role="img"
        aria-label={describeUsage(usage)}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        width={WIDTH}
        height={HEIGHT}
      >
        <path d={`M${points.join('L')}`} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" />
      </svg>
    </span>
  );
}

const CHART_HEIGHT = 120;
const BAR = 20;

export function UsageChart({ usage }: { usage: Usage }) {
  const days = [...(usage.days ?? [])].reverse();
  const max = Math.max(1, ...days.map((day) => day.count));
  return (
    <div class="usage">
      <p>
        <strong>{describeUsage(usage)}</strong> <span class="muted">· {texts.key.usageTotal(usage.total)}</span>
      </p>
      <svg
        class="usage-chart"
        role="img"
        aria-label={describeUsage(usage)}
        viewBox={`0 0 ${days.length * BAR} ${CHART_HEIGHT}`}
        preserveAspectRatio="none"
      >
        {days.map((day, index) => {
          const height = day.count === 0 ? 2 : Math.max(4, (day.count / max) * (CHART_HEIGHT - 4));
          return (
            <rect
              key={day.date}
              class={day.count === 0 ? 'zero' : 'bar'}
              x={index * BAR + 3}
              y={CHART_HEIGHT - height}
              width={BAR - 6}
              height={height}
              rx="2"
            >
              <title>{`${formatUtcDay(day.date)}: ${formatNumber(day.count)}`}</title>
            </rect>
          );
        })}
      </svg>
      <div class="usage-axis" aria-hidden="true">
        <span>{days[0] && formatUtcDay(days[0].date)}</span>
        <span>{days.at(-1) && formatUtcDay(days.at(-1)?.date ?? '')}</span>
      </div>
      <details>
        <summary>{texts.key.usageTable}</summary>
        <table class="small-table">
          <thead>
            <tr>
              <th scope="col">{texts.key.usageDay}</th>
              <th scope="col" class="number">
                {texts.key.usageCount}
              </th>
            </tr>
          </thead>
          <tbody>
            {(usage.days ?? []).map((day) => (
              <tr key={day.date}>
                <td>{day.date}</td>
                <td class="number">{formatNumber(day.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </div>
  );
}
