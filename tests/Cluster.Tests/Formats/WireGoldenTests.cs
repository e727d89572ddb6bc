using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;
using Evergrain.Grains;
using Evergrain.Grains.Calls;
using Evergrain.Grains.Moving;
using Evergrain.Grains.Routing;
using Evergrain.Grains.Tenants;
using Evergrain.Silo.Membership;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Evergrain.Cluster.Tests.Formats;

/// <summary>
/// What crosses between processes of a cluster, and what its grains keep, is frozen: a build that changes it cannot run
/// beside the one before. <c>EVERGRAIN_GOLDEN=wire-v1</c> writes the file anew.
/// </summary>
public sealed class WireGoldenTests
{
    private const string Name = "wire-v1";

    private static readonly ReadOnlyMemory<byte> Json = """{"a":"é"}"""u8.ToArray();
    private static readonly Refusal Refused = new(RefusalKind.TooManyRequests, "Later.", "input") { RetryAfter = Time };
    private static readonly TurnId Unstored = TurnId.Unstored(UInt128.MaxValue / 3);
    private static readonly TurnCounts Counts = new(1, 2, 3, 4, 5, 6, 7, 1L << 40);
    private static readonly TenantReport Report = new(ulong.MaxValue, 9, Counts);
    private static readonly Digest Digested =
        Digest.From([.. Enumerable.Range(1, Digest.Size).Select(static i => (byte)i)]);

    private static readonly ForeignItem Foreign =
        new("msg_1", new ResponseId(new ConversationId(UInt128.MaxValue / 5), TurnId.Stored(3)), 2);

    // One of each by its alias. Each member has a value that is not its default.
    private static readonly Dictionary<string, Sample> Samples = new()
    {
        ["evergrain.Answer`1"] = Sample.Of(Answer.Given(new Payload(Json))),
        ["evergrain.AnswerKind"] = Sample.Of(AnswerKind.AskAgain),
        ["evergrain.ConversationPlacement"] = Sample.Of(new ConversationPlacement()),
        ["evergrain.Digest"] = Sample.Of(Digested),
        ["evergrain.EventsAnswer"] = Sample.Of(new EventsAnswer
        {
            Kind = AnswerKind.Refused, Events = [new Payload(Json)], IsLast = true, Refusal = Refused,
            IsPiece = true, Timing = Timing, HistoryKey = Json.ToArray(),
        }),
        ["evergrain.ForeignItem"] = Sample.Of(Foreign),
        ["evergrain.FoundHistory"] = Sample.Of(new FoundHistory(1, UInt128.MaxValue / 13, Unstored, 1UL << 63)),
        ["evergrain.FoundTurns"] = Sample.Of(Answer.Given(
            new FoundTurns([TurnId.Stored(3), TurnId.Stored(4)], TurnId.Stored(5)))),
        ["evergrain.HeldConversation"] = Sample.Of(Held),
        ["evergrain.HistoryMatch"] = Sample.Of(Answer.Given(new HistoryMatch(
            new ItemPlace[] { new("msg_1", Digested, Digested) },
            new HistoryPlace[] { new(TurnId.Stored(4), Digested, 2) }))),
        ["evergrain.HistoryQuestion"] = Sample.Of(
            new HistoryQuestion(Digested, new[] { "msg_1" }) { Scope = Digested }),
        ["evergrain.ItemPlace"] = Sample.Of(new ItemPlace("msg_1", Digested, Digested)),
        ["evergrain.LeaseId"] = Sample.Of(new LeaseId(ulong.MaxValue)),
        ["evergrain.OriginKind"] = Sample.Of(OriginKind.Session),
        ["evergrain.Payload"] = Sample.Of(new Payload(Json)),
        ["evergrain.Refusal"] = Sample.Of(Answer.Refused<bool>(Refused)),
        ["evergrain.RosterAnswer"] = Sample.Of(new RosterAnswer([Held], true)),
        ["evergrain.RosterQuery"] = Sample.Of(new RosterQuery(
            "acme", 1, 1L << 40, UInt128.MaxValue / 7, [UInt128.MaxValue / 9], OriginKind.Trace, "a word")),
        ["evergrain.SiloLoad"] = Sample.Of(new SiloLoad(300, true)),
        ["evergrain.StartRequest"] = Sample.Of(new StartRequest
        {
            RequestId = UInt128.MaxValue, IsKeyed = true, Lease = new LeaseId(7), Create = Json, IsOpenResponses = true,
            IsBackground = true, References = new() { ["msg_1"] = new Payload(Json) }, IsCancelled = true,
            PieceOffset = 8, PieceTotal = 16, Waited = Time,
            TraceParent = "00-1-2-01", TraceState = "a=1", Request = "req_1", Session = "s",
            IsRecognised = true, Connection = 3,
        }),
        ["evergrain.StartedTurn"] = Sample.Of(
            Answer.Given(new StartedTurn(TurnId.Stored(4), new List<ForeignItem> { Foreign }))),
        ["evergrain.TenantReport"] = Sample.Of(Report),
        ["evergrain.TenantTotals"] = Sample.Of(Counts),
        ["evergrain.ToolWait"] = Sample.Of(Timing.Tools[0]),
        ["evergrain.TurnId"] = Sample.Of(Unstored),
        ["evergrain.HistoryPlace"] = Sample.Of(new HistoryPlace(TurnId.Stored(4), Digested, 2)),
        ["evergrain.TurnRequest"] = Sample.Of(
            new TurnRequest(TurnId.Stored(4), new LeaseId(7)) { PieceBytes = 9 }),
        ["evergrain.TurnTiming"] = Sample.Of(Timing),
    };

    private static HeldConversation Held =>
        new("acme", UInt128.MaxValue / 11, true, true, 1L << 40, 1L << 41, 1, 2, 3, 4, "5");

    private static TimeSpan Time => TimeSpan.FromSeconds(2.5);

    private static TurnTiming Timing => new()
    {
        Transport = Time, Queue = Time * 2, Check = Time * 3, Context = Time * 4, ModelWait = Time * 5,
        ModelStream = Time * 6, Persist = Time * 7, Deliver = Time * 8, HiddenModelStream = Time * 9,
        HiddenPersist = Time * 10, HiddenDeliver = Time * 11, ItemsHeld = 1, ItemsNew = 2, ItemsRendered = 3,
        Source = ContextSource.Moved, Tools = [new ToolWait("f", "call_1", Time)], BytesIn = 4, BytesOut = 1L << 40,
        Model = "m", Outcome = "failed", Code = "server_error", InputTokens = 5, CachedTokens = 6, OutputTokens = 7,
        ReasoningTokens = 8,
    };

    private static string File => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "golden",
        Name + ".txt"));

    [Fact]
    public void Types_ThatCross_EachHaveASample() =>
        Assert.Equal(WireContract.Types.Select(static type => type.Alias), Samples.Keys.Order(StringComparer.Ordinal));

    [Fact]
    public void Wire_IsAsTheGoldenFileSays()
    {
        List<string> now = [.. WireContract.Lines(), .. Bytes(), Keys(), State()];
        if (Environment.GetEnvironmentVariable("EVERGRAIN_GOLDEN") == Name)
        {
            System.IO.File.WriteAllLines(File, now);
        }

        var golden = System.IO.File.ReadAllLines(File);
        var gone = golden.Except(now).ToList();
        var added = now.Except(golden).ToList();

        Assert.True(gone.Count == 0, "Processes of the build before would not understand this one. Put back what " +
            "these lines say, with the same aliases, ids and types. What is new gets an id, a method or a type of " +
            "its own:\n" +
            string.Join('\n', gone) + "\nIn their place now:\n" + string.Join('\n', added));
        Assert.True(added.Count == 0, "This is new on the wire. A process of the build before ignores a new member " +
            "and does not know a new type or method. If nothing is lost by that while both run, write the file anew " +
            $"with EVERGRAIN_GOLDEN={Name}:\n" + string.Join('\n', added));
    }

    // Written by the build that made the file: what was sent before is read now, and written again as it was.
    [Fact]
    public void Bytes_OfTheGoldenFile_AreReadAndWrittenAgain()
    {
        var serializer = CreateSerializer();
        var lines = System.IO.File.ReadLines(File).Where(static line => line.StartsWith("bytes ", default)).ToList();
        foreach (var line in lines)
        {
            var (alias, bytes) = (line.Split(' ')[1], Convert.FromHexString(line.Split(' ')[2]));
            Assert.Equal(line, $"bytes {alias} {Convert.ToHexString(Samples[alias].Again(serializer, bytes))}");
        }

        Assert.Equal(Samples.Count, lines.Count);
    }

    private static IEnumerable<string> Bytes()
    {
        var serializer = CreateSerializer();
        return Samples.Select(sample => $"bytes {sample.Key} {Convert.ToHexString(sample.Value.Write(serializer))}");
    }

    private static string Keys() => "keys " + ConversationGrainKey.Format(
        new ConversationKey("acme", new ConversationId(42))) + " " + TenantGrainKey.Format("acme");

    private static string State()
    {
        var state = new TenantState();
        Assert.True(state.Take(Report));
        return "state of evergrain.tenant " + new StateSerializer().Serialize(state).ToString();
    }

    private static Serializer CreateSerializer() => new ServiceCollection()
        .AddSerializer(static builder => builder.AddAssembly(typeof(IConversationGrain).Assembly))
        .BuildServiceProvider().GetRequiredService<Serializer>();

    private static string Here([CallerFilePath] string here = "") => here;

    /// <summary>A value as bytes, and bytes read and written again.</summary>
    private sealed record Sample(Func<Serializer, byte[]> Write, Func<Serializer, byte[], byte[]> Again)
    {
        public static Sample Of<T>(T value) => new(
            serializer => serializer.SerializeToArray(value),
            static (serializer, bytes) => serializer.SerializeToArray(serializer.Deserialize<T>(bytes)));
    }
}
