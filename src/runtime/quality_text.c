/* The text that quality is measured on where none is given: some 2,000 words written for this purpose, which no
 * model can have learned by heart. A story with dialogue, explanations, a letter, a recipe and a list, a log and
 * accounts with numbers: a little of what models are asked to read. */
#include "runtime/runtime.h"

const char *const sotto_quality_text[] = {
    "The ferry to Skarholm leaves at ten past six, and on the last Saturday of October it left with eleven "
    "passengers, two bicycles and a piano. The piano belonged to nobody on board. It stood on the car deck "
    "under a green tarpaulin, tied to four iron rings, and whenever the ship met a wave from the side one of "
    "its strings answered with a low, patient note, as if somebody far below had been asked a question and was "
    "thinking about it.",
    "Marta Lindqvist, who had made the crossing some four hundred times, heard it from the saloon upstairs and "
    "put down her newspaper. \"That's an E flat,\" she said to the man across the table. \"It was a good deal "
    "nearer to E when they loaded it.\"",
    "\"You can tell that from here?\"",
    "\"I can tell it from the kitchen. I tuned pianos for thirty-one years. It's like hearing your own name in "
    "a crowd: you don't listen for it, it just arrives.\"",
    "The man, whose name was Okafor and who had come to the islands to count seals, considered this. He was "
    "used to people who knew one thing very well. His own thing was seals, and nobody had ever asked him about "
    "them on a ferry. \"Whose is it?\" he asked at last.",
    "\"The school's. Or it will be, if it gets there. They have been collecting for it since the old one went "
    "out of the window.\"",
    "\"Out of the window?\"",
    "\"There was a fire, and it was that or the library. They voted.\" She folded the newspaper into quarters "
    "and used it to fan herself, although it was not warm. \"Six to five. People still don't talk about it at "
    "weddings.\"",
    "Outside, the light was going. First the mainland lost its houses, then its trees, and in the end there "
    "was only a darker strip between two kinds of grey. The lamps on the quay at Skarholm would not be visible "
    "for another forty minutes. Somewhere a child was explaining to another child, in great detail, why it was "
    "not possible to be seasick if you kept one foot off the floor.",
    "How the tide works is easily said and hard to believe. The moon pulls at the earth, and it pulls a little "
    "more strongly at the side that faces it than at the middle, and a little less strongly at the side that "
    "is turned away. Water is free to follow these differences and rock is not, so the sea is drawn out into a "
    "shape like an egg with two blunt ends, one under the moon and one opposite. The earth turns inside this "
    "shape once a day. A harbour is therefore carried past both ends, and sees high water twice, about twelve "
    "hours and twenty-five minutes apart; the extra minutes are there because the moon has meanwhile moved on "
    "along its own path. The sun does the same with less than half the strength. When the two pull along one "
    "line, at new moon and at full moon, the range is large; when they pull at right angles it is small. All "
    "of this would be exact if there were no land. There is, however, a great deal of land, and the water has "
    "to find its way around it, through straits and over shoals, so that every port has its own delay and its "
    "own habits, and the only way to know them is to have measured for years.",
    "That is why the harbour office at Skarholm keeps a book. The page for the week in question reads as "
    "follows.",
    "Monday: high 03:12 (2.4 m), low 09:25 (0.6 m), high 15:38 (2.5 m), low 21:50 (0.5 m). Wind south-west, 5 "
    "to 6. One yacht.\n"
    "Tuesday: high 04:01 (2.5 m), low 10:14 (0.5 m), high 16:27 (2.6 m), low 22:41 (0.4 m). Wind west, 7, "
    "gusts of 9. No traffic.\n"
    "Wednesday: high 04:49 (2.7 m), low 11:03 (0.3 m), high 17:16 (2.7 m), low 23:30 (0.3 m). Wind dropped at "
    "noon. Three trawlers, 1,840 kg of cod, 215 kg of ling.\n"
    "Thursday: as Wednesday, but later and with fog. The bell was rung from 08:00 until 13:20.",
    "Dear Mr Okafor,\n"
    "Thank you for your letter of the 3rd. The cottage you ask about has two rooms, a stove and a view of the "
    "skerries, and is free until the middle of March. The rent is 340 a month, firewood included; electricity "
    "is paid by the meter, which takes coins, and has done so since 1974. You will want to know about the "
    "roof. It does not leak as long as the wind is not from the north. There is no telephone signal in the "
    "house itself, but if you walk up to the gate and turn towards the church you may get some. My late "
    "husband counted birds, so I know what it means to get up at four, and will not lock the yard. Please "
    "bring good socks.\n"
    "Yours sincerely,\n"
    "E. Halvorsen (Mrs)",
    "Fish soup for six, the way it is made on the island. You need:\n"
    "- 800 g of firm white fish, without skin or bones\n"
    "- 300 g of potatoes and two large carrots, diced\n"
    "- one leek, one small onion, two cloves of garlic\n"
    "- 1.2 litres of stock, 250 ml of cream, 40 g of butter\n"
    "- a bay leaf, a pinch of saffron if there is any, salt, white pepper\n"
    "1. Melt the butter and let the onion, the leek and the garlic soften in it for five minutes; they must "
    "not turn brown.\n"
    "2. Add the carrots, the potatoes, the bay leaf and the stock. Bring to the boil, then simmer for a "
    "quarter of an hour.\n"
    "3. Stir in the cream and the saffron. Taste it now, because you will not be able to stir much later.\n"
    "4. Cut the fish into pieces of about four centimetres, lay them in, take the pot off the fire and put the "
    "lid on. After six minutes it is done.\n"
    "It is eaten with dark bread. Whoever finds the bay leaf does the dishes.",
    "\"You're holding it wrong,\" said the girl. She was perhaps nine, and she had been watching him from the "
    "wall for some time.",
    "Okafor lowered the binoculars. \"How should I hold it?\"",
    "\"Not that. The notebook. If you hold it like that the pages get wet from the top, and then they stick, "
    "and then you've lost a whole morning. My uncle puts his inside his hat.\"",
    "\"Does your uncle count seals?\"",
    "\"He counts money. He's the treasurer of the piano committee.\" She jumped down. \"How many have you "
    "got?\"",
    "\"Fifty-seven on the big rock, and nineteen on the small one. But some were under water, so that isn't "
    "the answer yet.\"",
    "\"Seventy-six,\" said the girl at once. \"How do you count the ones under water?\"",
    "\"You don't. You count the same rocks on ten different days, at the same state of the tide, and see how "
    "much the number jumps about. From that you can work out what share of them you usually miss.\"",
    "She thought about it with her whole face. \"So if you missed the same ones every day, you'd never know.\"",
    "\"No,\" he said, after a while. \"That's true. I never would.\" And because it was the best question he "
    "had been asked since August, he wrote it down, at the bottom of the page, with her name next to it: "
    "Ingrid, at the wall, 7:40 a.m., light rain.",
    "Three things follow when an instrument is moved from a dry place to a damp one. The soundboard swells, "
    "and since it is fixed at its edges it can only rise in the middle; this lifts the bridge and stretches "
    "the strings, so that the middle of the keyboard goes sharp before either end does. The felts of the "
    "hammers grow softer and the tone with them. Lastly the keys themselves may stick, for they are made of "
    "wood and run in narrow slots. None of this is damage. A tuner who corrects it on the first day will have "
    "to come back and undo the work when the heating is turned on. It is better to wait for a month, to let "
    "the wood make up its mind, and to use the time for drinking coffee with the caretaker, who knows which "
    "windows are left open.",
    "To set the temperament by ear you begin with one note and a fork. A fork of 440 hertz gives the A above "
    "middle C. From there you go down a fifth and up a fourth, again and again, and each of the fifths is made "
    "a very little too narrow: by two hundredths of a semitone, which is heard as a slow beat, a kind of "
    "breathing in the sound, rather less than once in a second. After twelve such steps you should be back "
    "where you began. If you are not, the error has been shared out among all of them, and you have to find "
    "out whose fault it was. Most beginners are sharp by the seventh step. Most old hands are sharp by the "
    "seventh step too, but they know it, and allow for it.",
    "The accounts of the committee, as read out by its treasurer on the evening of the first concert, were "
    "these. Collected in the years 2016 to 2023: 18,406.50. Paid for the instrument: 12,750.00. Paid for the "
    "crossing, with insurance: 1,312.40. Paid to the crew of the ferry for four hours of pushing: nothing, but "
    "twenty-four bottles of beer at 2.15 each made 51.60. Tuning: nothing, Mrs Lindqvist having refused. That "
    "left 4,292.50, and he proposed that it should be put aside for a new window. There was laughter from the "
    "back of the hall, and then, from the side where the five had always sat, some applause.",
    "The programme had been typed by the caretaker and contained, by his own count, nine mistakes. It began "
    "with the smallest children, who sang about a goat. It went on with a march for piano and accordion, two "
    "songs in the old dialect, which nobody under sixty understood and everybody knew by heart, and a sonata "
    "movement played by the doctor, who took it slowly, and was right to. When the doctor reached the quiet "
    "passage in the middle, the wind had dropped and one could hear, through the repaired wall, the bell buoy "
    "at the harbour mouth. It was not in tune. Marta Lindqvist, in the third row, shut her eyes; and the man "
    "next to her, who had by then counted four hundred and twelve seals and believed in about five hundred, "
    "saw that she was smiling.",
    "Afterwards there were questions, as there always are.",
    "Could it be played with gloves on, in winter, if one was careful? (No.) Would it be allowed to put a "
    "plant on it? (No.) Was it true that in the city such pianos were bought by people who could not play at "
    "all, only to have them standing there? (Yes; and it was a great pity, but it kept the makers alive.) How "
    "long would it last? To this the tuner gave a proper answer. \"A hundred years,\" she said, \"if you do "
    "three things. Keep it away from the stove. Keep it away from the door. And play it, every day, even "
    "badly, even for a minute. It isn't use that ruins them. I have seen a great many ruined pianos, and I "
    "could count on one hand those that were worn out. All the others had been looked after.\"",
    "Notes for the winter, found on the inside of the cupboard door: turn off the water at the main before the "
    "first hard frost (last year: 14 November, minus 6.5 °C). Two sacks of salt, one of sand. The boat is "
    "insured until 31/12, policy no. 77-4410-B; ring before 5 p.m. and ask for Birgit. Lamp oil: 10 l at 1.89 "
    "= 18.90. Batteries, size D, eight of them, not the cheap ones. If the lights go out, it is nearly always "
    "the second fuse from the left. If it is not, it is the whole island, and you may as well go to bed.",
    "He stayed until the middle of March, as the letter had said he might. On the last morning he walked out "
    "to the wall with the notebook in his hat. The tide was at its lowest, there was no wind whatever, and on "
    "the big rock and on the small one, and on some others that he had not known to be there, they lay in rows "
    "and looked at him, more than he had ever seen at one time. He did not count them. He sat down, for once, "
    "with both hands in his pockets, and kept one foot off the ground.",
    NULL};
