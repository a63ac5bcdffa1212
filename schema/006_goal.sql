-- Which direction of a number is better, where the line that it comes from says so.
ALTER TABLE result ADD COLUMN minimize INTEGER; -- NULL: it said nothing
