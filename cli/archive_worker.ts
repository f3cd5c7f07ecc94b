export { openArchiveHere as openArchiveOnThread } from "./archive_opening.ts";
