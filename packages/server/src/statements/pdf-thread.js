import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';

// JavaScript, because a thread of Node 20 does not read TypeScript, also where the rest of the server runs from its source.

const A4 = { width: 595.28, height: 841.89, margin: 50 };
const WIDTH = A4.width - 2 * A4.margin;
const BOTTOM = A4.height - A4.margin - 24;
const LOGO = { width: 130, height: 45 };
const FACT_WIDTH = 90;
const SIZE = { title: 16, text: 8, footer: 7 };
const PADDING = 4;
const COLUMNS = [62, 193, 80, 80, 80];
/** A date and a text; amounts follow. */
const LEFT_ALIGNED = 2;
const RULE = '#999999';

const { resolve } = createRequire(import.meta.url);
const REGULAR = resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');
const BOLD = resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf');

/**
 * Lays out a document of one table on pages of A4.
 *
 * @param {import('./statement-pdf.js').TableDocument} table
 * @returns {Promise<Uint8Array>}
 */
export default async function layOut(table) {
  const { language, title, author, created, logo, facts, columns, rows, footer } = table;
  const pdf = new PDFDocument({
    size: [A4.width, A4.height],
    margin: A4.margin,
    // Every page says how many there are.
    bufferPages: true,
    lang: language,
    font: REGULAR,
    info: { Title: title, Author: author, CreationDate: new Date(created) },
  });
  let y = begin(pdf, { title, author, logo });
  for (const [name, value] of facts) {
    pdf.font(BOLD).text(name, A4.margin, y, { width: FACT_WIDTH });
    pdf.font(REGULAR).text(value, A4.margin + FACT_WIDTH, y, { width: WIDTH - FACT_WIDTH });
    y = pdf.y + PADDING / 2;
  }
  y = head(pdf, columns, y + 3 * PADDING);
  for (const { cells, isBold } of rows) {
    pdf.font(isBold ? BOLD : REGULAR);
    const height = heightOf(pdf, cells);
    if (y + height > BOTTOM) {
      pdf.addPage();
      y = head(pdf, columns, A4.margin);
      pdf.font(isBold ? BOLD : REGULAR);
    }
    draw(pdf, cells, y);
    y += height;
  }
  foot(pdf, footer, language);
  pdf.end();
  const pieces = [];
  for await (const piece of pdf) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Returns where the page goes on, as `head` does. */
function begin(pdf, { title, author, logo }) {
  const right = A4.width - A4.margin - LOGO.width;
  if (logo !== undefined) {
    pdf.image(Buffer.from(logo), right, A4.margin, { fit: [LOGO.width, LOGO.height], align: 'right' });
  }
  const width = right - A4.margin - PADDING;
  pdf.font(BOLD).fontSize(SIZE.title).text(title, A4.margin, A4.margin, { width });
  pdf.font(REGULAR).fontSize(SIZE.text).text(author, { width }).moveDown();
  return Math.max(pdf.y, A4.margin + (logo === undefined ? 0 : LOGO.height)) + PADDING;
}

function head(pdf, columns, y) {
  pdf.font(BOLD).fontSize(SIZE.text);
  draw(pdf, columns, y);
  const below = y + heightOf(pdf, columns);
  pdf
    .moveTo(A4.margin, below - PADDING / 2)
    .lineTo(A4.margin + WIDTH, below - PADDING / 2)
    .lineWidth(0.5)
    .stroke(RULE);
  return below;
}

function heightOf(pdf, cells) {
  const heights = cells.map((cell, at) => (cell === '' ? 0 : pdf.heightOfString(cell, boxOf(at))));
  return Math.max(...heights) + PADDING;
}

function draw(pdf, cells, y) {
  let x = A4.margin;
  for (const [at, cell] of cells.entries()) {
    if (cell !== '') pdf.text(cell, x, y, boxOf(at));
    x += COLUMNS[at] ?? 0;
  }
}

function boxOf(column) {
  return { width: (COLUMNS[column] ?? 0) - PADDING, align: column < LEFT_ALIGNED ? 'left' : 'right' };
}

function foot(pdf, footer, language) {
  const number = new Intl.NumberFormat(new Intl.Locale(language, { numberingSystem: 'latn' }));
  const { count } = pdf.bufferedPageRange();
  for (let page = 0; page < count; page += 1) {
    pdf.switchToPage(page);
    // Below the margin, where a text would otherwise begin a page of its own.
    pdf.page.margins.bottom = 0;
    const text = footer.replace('{page}', number.format(page + 1)).replace('{pages}', number.format(count));
    const y = A4.height - A4.margin - SIZE.footer;
    pdf.font(REGULAR).fontSize(SIZE.footer).text(text, A4.margin, y, { width: WIDTH, align: 'right' });
  }
}
