using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// A journal of each format, written once and committed: it must open, with the same events and the same response
/// objects, for as long as the project lives. <c>EVERGRAIN_GOLDEN=journal-v3</c> writes that one, which is right only
/// together with a new format and beside the old ones.
/// </summary>
public sealed class GoldenJournalTests
{
    private const string Plain = "journal-v1";

    // With what a Responses server's items need: stream shapes of version 2, and the record of its ids.
    private const string Verbatim = "journal-v1-verbatim";

    // The plain one in format 2, with a field that no build knows in each record.
    private const string Fields = "journal-v2";

    // The one with fields in format 3, whose checksums cover the conversation.
    private const string Owned = "journal-v3";

    // A life in format 3, whose turns have tags.
    private const string Tagged = "journal-v3-tags";

    // Turns of format 4 that continue the input of others.
    private const string Inputs = "journal-v4";

    // Ended turns whose metadata was changed.
    private const string Changed = "journal-v3-metadata";

    [Theory]
    [InlineData(Plain, 50)]
    [InlineData(Verbatim, 30)]
    [InlineData(Fields, 50)]
    [InlineData(Owned, 50)]
    [InlineData(Tagged, 50)]
    [InlineData(Inputs, 20)]
    [InlineData(Changed, 20)]
    public void Recover_JournalOfEachFormat_GivesTheSameTurns(string name, int least)
    {
        if (Environment.GetEnvironmentVariable("EVERGRAIN_GOLDEN") == name)
        {
            Write(name, Life(name));
        }

        var driver = Open(name);
        var expected = File.ReadAllLines(Path.Combine(GoldenJournal.Folder, name + ".expected.jsonl"));
        Assert.Equal(expected, Lines(driver));
        Assert.True(expected.Length > least);
        Assert.All(driver.Journal, entry =>
        {
            var records = RecordFrames.Read(entry.Records, driver.Owner);
            Assert.Equal(entry.Records.ToArray(), RecordFrames.Write(records, driver.Owner, FormatOf(name)).ToArray());
        });
    }

    [Fact]
    public void Journal_WrittenInBothFormatsByTurns_Opens()
    {
        var driver = new ConversationDriver { Format = RecordFormat.First };
        var parent = driver.Say("one");
        driver.Answer(parent);
        foreach (var format in (int[])[RecordFormat.Newest, RecordFormat.First, 2, 3, RecordFormat.Newest])
        {
            driver.Format = format;
            parent = driver.Say($"in {format}", parent);
            driver.Answer(parent);
        }

        var before = Lines(driver);
        driver.Restart(takeOver: false);

        Assert.Equal([1, 2, 3, 4], driver.Journal.Select(entry => (int)entry.Records.Span[RecordFrames.HeaderBytes])
            .Distinct().Order());
        Assert.Equal(before, Lines(driver));
    }

    // Silos of two builds move conversations to each other.
    [Theory]
    [InlineData(Plain)]
    [InlineData(Verbatim)]
    [InlineData(Tagged)]
    [InlineData(Inputs)]
    [InlineData(Changed)]
    public void Snapshot_OfEachJournal_IsWrittenAsBefore_AndTakenOver(string name)
    {
        var file = name.Replace("journal", "snapshot", StringComparison.Ordinal) + ".bin";
        var driver = Open(name);
        var snapshot = driver.Snapshot();
        if (Environment.GetEnvironmentVariable("EVERGRAIN_GOLDEN") == name)
        {
            File.WriteAllBytes(Path.Combine(GoldenJournal.SourceFolder(), file), snapshot);
        }

        var golden = File.ReadAllBytes(Path.Combine(GoldenJournal.SourceFolder(), file));
        var arrived = new ConversationDriver();
        arrived.Arrive(golden);

        arrived.Journal.AddRange(driver.Journal);
        Assert.Equal(File.ReadAllLines(Path.Combine(GoldenJournal.Folder, name + ".expected.jsonl")), Lines(arrived));
        Assert.True(golden.AsSpan().SequenceEqual(snapshot), "A snapshot has other bytes than before. A silo of the " +
            "build before reads the journal instead, and the conversation's unstored turns are lost. Read both in " +
            "one build, and write the new one in the build after that.");
    }

    private static ConversationDriver Open(string name)
    {
        var driver = new ConversationDriver();
        driver.Journal.AddRange(GoldenJournal.Read(Path.Combine(GoldenJournal.Folder, name + ".bin")));
        driver.Restart(takeOver: false);
        return driver;
    }

    private static ConversationDriver Life(string name)
    {
        var isNew = name is Tagged or Inputs or Changed;
        var driver = new ConversationDriver { Format = isNew ? FormatOf(name) : RecordFormat.First };
        switch (name)
        {
            case Plain or Tagged:
                Live(driver);
                break;
            case Verbatim:
                LiveVerbatim(driver);
                break;
            case Inputs:
                LiveBare(driver);
                break;
            case Changed:
                LiveChanged(driver);
                break;
            default:
                var plain = GoldenJournal.Read(Path.Combine(GoldenJournal.Folder, Plain + ".bin"));
                driver.Journal.AddRange(plain.Select(entry => WithFields(entry, driver.Owner, FormatOf(name))));
                driver.Restart(takeOver: false);
                break;
        }

        return driver;
    }

    private static int FormatOf(string name) => name switch
    {
        Inputs => 4,
        Owned or Tagged or Changed => 3,
        Fields => 2,
        _ => 1,
    };

    private static JournalEntry WithFields(JournalEntry entry, RecordOwner owner, int format)
    {
        var field = new RecordField("acme.note", 0, BitConverter.GetBytes(entry.Position));
        var records = RecordFrames.Read(entry.Records, owner).Select(record => record with { Fields = [field] });
        return entry with { Records = RecordFrames.Write([.. records], owner, format) };
    }

    private static void Write(string name, ConversationDriver driver)
    {
        var (journal, expected, folder) = (name + ".bin", name + ".expected.jsonl", GoldenJournal.SourceFolder());
        GoldenJournal.Write(Path.Combine(folder, journal), driver.Journal);
        File.WriteAllLines(Path.Combine(folder, expected), Lines(driver));
        File.Copy(Path.Combine(folder, journal), Path.Combine(GoldenJournal.Folder, journal), true);
        File.Copy(Path.Combine(folder, expected), Path.Combine(GoldenJournal.Folder, expected), true);
    }

    /// <summary>Each turn's response object, its events, and its items, one JSON text a line.</summary>
    private static List<string> Lines(ConversationDriver driver)
    {
        var lines = new List<string>();
        var tags = driver.Journal.SelectMany(entry => RecordFrames.Read(entry.Records, driver.Owner))
            .OfType<TurnStarted>().ToDictionary(static started => started.Turn, static started => started.Tag);
        for (var number = 1; number <= 8; number++)
        {
            var id = new ResponseId(driver.Key.Id, TurnId.Stored(number, tags.GetValueOrDefault(number)));
            try
            {
                lines.Add(Encoding.UTF8.GetString(driver.Conversation.Get(id.Turn, default).Span));
                lines.AddRange(driver.Events(id));
                var items = driver.Conversation.ListInputItems(id.Turn, default, new ItemPage(100, Ascending: true));
                lines.Add(Encoding.UTF8.GetString(items.Span));
            }
            catch (ConversationException e)
            {
                lines.Add(e.Refusal.Message);
            }
        }

        return lines;
    }

    /// <summary>A life that has every kind of record, outcome, item and part.</summary>
    private static void Live(ConversationDriver driver)
    {
        var root = driver.Create("""
            {"model":"m","instructions":"be \u00e9xact","temperature":0.5,"metadata":{"k":"v"},
             "tools":[{"type":"function","name":"f"}],"reasoning":{"effort":"low"},"text":{"verbosity":"low"},
             "input":[{"role":"user","content":"h\u00e9llo \ud83d\ude00 \ud800"},
                      {"type":"acme:odd","id":"o_1","n":[1e400,-0.0,{"deep":[]}]}]}
            """);
        driver.AppendAll();
        driver.Model(root,
        [
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Reasoning },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.SummaryText },
            ConversationDriver.Delta("because \u2028"),
            new ModelEvent(ModelEventKind.PartDone),
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.ReasoningText },
            ConversationDriver.Delta("deep"),
            new ModelEvent(ModelEventKind.PartDone),
            new ModelEvent(ModelEventKind.ItemDone),
            .. ConversationDriver.Message("text \"quoted\"\n"),
            .. ConversationDriver.Call("call_1"),
            new ModelEvent(ModelEventKind.ItemStarted)
            {
                Item = OutputKind.CustomToolCall, CallId = "call_2", Name = "exec", Namespace = "functions",
            },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.Input },
            ConversationDriver.Delta("await x()"),
            new ModelEvent(ModelEventKind.PartDone),
            new ModelEvent(ModelEventKind.ItemDone),
            new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(100, 50, 20, 5) },
        ]);
        driver.AppendAll();
        var next = driver.Create($$"""
            {"model":"m","previous_response_id":"{{root}}","input":[
             {"type":"function_call_output","call_id":"call_1","output":"one"},
             {"type":"custom_tool_call_output","call_id":"call_2","output":[{"type":"input_text","text":"two"}]}]}
            """);
        driver.AppendAll();
        driver.Model(next, ConversationDriver.Message("cut short")[..4]);
        driver.Model(next, new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" });
        driver.AppendAll();
        Endings(driver, next);
    }

    /// <summary>A life in front of a server that speaks this protocol itself.</summary>
    private static void LiveVerbatim(ConversationDriver driver)
    {
        var said = """{"type":"message","phase":"p","role":"assistant","content":""" +
            """[{"type":"output_text","text":"abc"}]}""";
        var search = """{"type":"web_search_call","status":"completed","n":1}""";
        var first = driver.Say("go");
        driver.Model(first,
            VerbatimOutputTests.Started(OutputKind.Other, """{"type":"web_search_call"}""") with { IdPrefix = "ws" },
            VerbatimOutputTests.Raw("response.web_search_call.searching", """{"more":[1]}"""),
            VerbatimOutputTests.Done(search, "ws_up"),
            VerbatimOutputTests.Started(OutputKind.Message, """{"type":"message","content":[]}"""),
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            ConversationDriver.Delta("ab"),
            ConversationDriver.Delta("c"),
            new ModelEvent(ModelEventKind.PartDone) { Json = """{"type":"output_text","text":"abc"}"""u8.ToArray() },
            VerbatimOutputTests.Done(said, "msg_up"),
            new ModelEvent(ModelEventKind.Completed));
        driver.AppendAll();
        var second = driver.Say("differently", first);
        driver.Model(second,
            VerbatimOutputTests.Started(OutputKind.Message, """{"type":"message","content":[]}"""),
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            ConversationDriver.Delta("xyz"),
            new ModelEvent(ModelEventKind.PartDone),
            VerbatimOutputTests.Done(said, null),
            new ModelEvent(ModelEventKind.Completed));
        driver.AppendAll();
        var third = driver.Say("cut", second);
        driver.Model(third,
            VerbatimOutputTests.Started(OutputKind.Other, """{"type":"thing","x":1}"""),
            VerbatimOutputTests.Raw("thing.moved", "{}"),
            new ModelEvent(ModelEventKind.Incomplete) { Code = "content_filter" });
        driver.AppendAll();
    }

    /// <summary>A life with a client that leaves out reasoning.</summary>
    private static void LiveBare(ConversationDriver driver)
    {
        var next = driver.Say("one");
        for (var turn = 1; turn <= 3; turn++)
        {
            driver.Think(next, $"said {turn}");
            var said = $$"""{"type":"message","role":"assistant","content":"said {{turn}}"}""";
            next = driver.Continue($"{next}@input", $$"""{{said}},{"role":"user","content":"more {{turn}}"}""");
        }

        driver.Think(next, "the end");
    }

    /// <summary>A life in which metadata changes: of a turn that had some, and of one that had none.</summary>
    private static void LiveChanged(ConversationDriver driver)
    {
        var first = driver.Create("""{"model":"m","input":"one","metadata":{"k":"v"}}""");
        driver.AppendAll();
        driver.Answer(first);
        var second = driver.Say("two", first);
        driver.Answer(second);
        Change(driver, first, """{"k":"\u0076","l":""}""");
        Change(driver, second, """{"k":"v"}""");
        Change(driver, first, "{ }");
        driver.Answer(driver.Say("three", second));
    }

    private static void Change(ConversationDriver driver, ResponseId id, string metadata)
    {
        driver.Conversation.Stored.Change(id.Turn, Encoding.UTF8.GetBytes(metadata), driver.Now);
        driver.Take();
        driver.AppendAll();
    }

    private static void Endings(ConversationDriver driver, ResponseId parent)
    {
        driver.Now += TimeSpan.FromSeconds(90);
        var cancelled = driver.Say("cancel me", parent);
        driver.Model(cancelled, ConversationDriver.Message("never whole")[..4]);
        driver.Conversation.Cancel(cancelled.Turn, default, driver.Now);
        driver.Take();
        driver.AppendAll();
        var failed = driver.Say("fail", parent);
        driver.Model(failed, new ModelEvent(ModelEventKind.Failed) { Code = "server_error", Message = "no luck" });
        driver.AppendAll();
        var deleted = driver.Say("delete me", failed);
        driver.Answer(deleted);
        driver.Conversation.Delete(deleted.Turn, default, driver.Now);
        driver.Take();
        driver.AppendAll();
        driver.Create($$"""{"model":"m","generate":false,"previous_response_id":"{{failed}}","input":[]}""");
        driver.AppendAll();
        var killed = driver.Say("kill", failed);
        driver.Model(killed, ConversationDriver.Call("call_3"));
        driver.AppendAll();
        driver.Restart();
        var compacted = driver.Create($$"""
            {"model":"m","previous_response_id":"{{killed}}","input":[
             {"type":"function_call_output","call_id":"call_3","output":""},{"type":"compaction_trigger"}]}
            """);
        driver.AppendAll();
        driver.Model(compacted,
        [
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Compaction },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.Opaque },
            ConversationDriver.Delta("opaque"),
            new ModelEvent(ModelEventKind.PartDone),
            new ModelEvent(ModelEventKind.ItemDone),
            new ModelEvent(ModelEventKind.Completed),
        ]);
        driver.AppendAll();
    }
}
