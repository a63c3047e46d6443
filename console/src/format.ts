// Numbers, dates and durations, in the browser's language.

import { texts } from './texts.ts';

const LANGUAGE = 'en';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const numbers = new Intl.NumberFormat(LANGUAGE);
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: 'auto' });
const dates = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium' });
const exact = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'full', timeStyle: 'long' });
const lists = new Intl.ListFormat(LANGUAGE);
const utcDays = new Intl.DateTimeFormat(LANGUAGE, { month: 'short', day: 'numeric', timeZone: 'UTC' });

export const formatNumber = (value: number): string => numbers.format(value);
export const formatDate = (timestamp: string): string => dates.format(new Date(timestamp));
export const formatExact = (timestamp: string): string => exact.format(new Date(timestamp));
export const formatList = (items: string[]): string => lists.format(items);
/** A UTC day such as `2026-11-23`. */
export const formatUtcDay = (date: string): string => utcDays.format(new Date(date));

/** A timestamp in words: "3 hours ago", "in 2 days", "just now". */
export function formatRelative(timestamp: string, now: number): string {
  const difference = Date.parse(timestamp) - now;
  const size = Math.abs(difference);
  if (size < MINUTE) return difference > 0 ? texts.time.soon : texts.time.justNow;
  if (size < HOUR) return relative.format(Math.trunc(difference / MINUTE), 'minute');
  if (size < DAY) return relative.format(Math.trunc(difference / HOUR), 'hour');
  if (size < 100 * DAY) return relative.format(Math.round(difference / DAY), 'day');
  if (size < 365 * DAY) return relative.format(Math.round(difference / (30 * DAY)), 'month');
  return relative.format(Math.round(difference / (365 * DAY)), 'year');
}

/** A span in words: "5 h", "2 days". */
export function formatSpan(milliseconds: number): string {
  if (milliseconds < HOUR) return texts.time.minutes(Math.max(1, Math.round(milliseconds / MINUTE)));
  if (milliseconds < 2 * DAY) return texts.time.hours(Math.round(milliseconds / HOUR));
  return texts.time.days(Math.round(milliseconds / DAY));
}
