using System.Globalization;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>Any sequence of operations on any journal gives what a list of lists gives.</summary>
public abstract class JournalModelContract(ITestOutputHelper output) : JournalRaceContract
{
    private const string SeedVariable = "EVERGRAIN_SEED";
    private const int Sequences = 60;
    private const int OperationsMax = 60;

    // Few conversations, so that operations meet.
    private static readonly string[] Tenants = ["a", "b"];

    private static readonly Gen<Operation> Operations = Gen.Frequency(
        (12, OperationOf(Kind.Append)),
        (3, OperationOf(Kind.AppendElsewhere)),
        (2, OperationOf(Kind.Pause)),
        (3, OperationOf(Kind.Resume)),
        (3, OperationOf(Kind.Read)),
        (1, OperationOf(Kind.ReadElsewhere)),
        (2, OperationOf(Kind.List)),
        (2, OperationOf(Kind.Delete)),
        (1, OperationOf(Kind.DeleteElsewhere)));

    protected ITestOutputHelper Output => output;

    /// <summary>Another server's journal on the same store; where no two may share it, the only one.</summary>
    protected virtual IJournal Other => Journal;

    [Fact]
    public async Task AnySequence_OfOperations_AgreesWithTheModel()
    {
        var seed = Environment.GetEnvironmentVariable(SeedVariable) is { } given
            ? ulong.Parse(given, CultureInfo.InvariantCulture)
            : new RandomIdSource().Next64();
        output.WriteLine($"{SeedVariable}={seed}");
        var sequences = Operations.ArrayOf().Sample(Sequences, new Rnd(seed), OperationsMax);
        var step = 0;
        foreach (var sequence in sequences)
        {
            // Each sequence has tenants of its own.
            var model = new Model($"s{step++}");
            foreach (var operation in sequence)
            {
                output.WriteLine($"{step}: {operation}");
                await CheckAsync(model, operation);
            }

            await CheckWholeAsync(model);
        }

        Assert.Equal(Sequences, step);
    }

    private static Gen<Operation> OperationOf(Kind kind) =>
        from tenant in Gen.Choose(0, Tenants.Length - 1)
        from conversation in Gen.Choose(1, 3)
        from number in Gen.Choose(0, 4)
        from isOther in Gen.Elements(false, true)
        from size in Gen.Frequency((6, Gen.Choose(1, 300)), (2, Gen.Choose(301, 9_000)), (1, Gen.Choose(9_001, 90_000)))
        select new Operation(kind, tenant, conversation, number, isOther, size);

    private Task CheckAsync(Model model, Operation operation) => operation.Kind switch
    {
        Kind.Append => CheckAppendAsync(model, operation),
        Kind.AppendElsewhere => CheckRefusedAsync(model, operation, (journal, key, end) =>
            journal.AppendAsync(key, end, 1, Bytes(1, 10), Token).AsTask()),
        Kind.Pause => PauseAsync(model, operation),
        Kind.Resume => CheckResumeAsync(model, operation),
        Kind.Read => CheckReadAsync(On(operation), model, model.Key(operation), operation.Number),
        Kind.ReadElsewhere => CheckRefusedAsync(model, operation, (journal, key, end) =>
            journal.ReadAsync(key, end, Token).GetAsyncEnumerator(Token).MoveNextAsync().AsTask(), model.HasHad),
        Kind.List => CheckListAsync(model, operation),
        Kind.DeleteElsewhere => CheckRefusedAsync(model, operation, (journal, key, end) =>
            journal.DeleteAsync(key, end, Token).AsTask(), (key, _) => model.End(key) == JournalEnd.None),
        _ => CheckDeleteAsync(model, operation),
    };

    private IJournal On(Operation operation) => operation.IsOther ? Other : Journal;

    private Task CheckAppendAsync(Model model, Operation operation) =>
        CheckAppendAsync(model, operation, model.End(model.Key(operation)));

    private async Task CheckAppendAsync(Model model, Operation operation, JournalEnd end)
    {
        var key = model.Key(operation);
        var bytes = Bytes(operation.Number, operation.Size);
        await On(operation).AppendAsync(key, end, (ulong)operation.Number, bytes, Token);
        model.Append(key, new JournalEntry(end.Position, (ulong)operation.Number, bytes));
    }

    /// <summary>A writer stops where the log ends now.</summary>
    private static Task PauseAsync(Model model, Operation operation)
    {
        var key = model.Key(operation);
        model.Paused[key] = model.End(key);
        return Task.CompletedTask;
    }

    /// <summary>The writer goes on where it stopped; meanwhile others may have written, deleted, begun anew.</summary>
    private async Task CheckResumeAsync(Model model, Operation operation)
    {
        var key = model.Key(operation);
        var end = model.Paused.GetValueOrDefault(key);
        var append = () => CheckAppendAsync(model, operation, end);
        if (end == model.End(key))
        {
            await append();
        }
        else
        {
            Assert.Equal(end, (await Assert.ThrowsAsync<PositionTakenException>(append)).End);
        }
    }

    /// <summary>Asks for something at an end the log does not have, if that is refused there.</summary>
    private async Task CheckRefusedAsync(Model model, Operation operation,
        Func<IJournal, ConversationKey, JournalEnd, Task> ask,
        Func<ConversationKey, JournalEnd, bool>? isAllowed = null)
    {
        var key = model.Key(operation);
        var end = model.End(key);
        JournalEnd[] others =
        [
            end with { Position = end.Position + 1 + operation.Number },
            end with { LastWriter = end.LastWriter + 1 },
            end.Position == 0 ? new JournalEnd(1, 0) : JournalEnd.None,
        ];
        var other = others[operation.Number % others.Length];
        if (isAllowed?.Invoke(key, other) != true)
        {
            await Assert.ThrowsAsync<PositionTakenException>(() => ask(On(operation), key, other));
        }
    }

    private async Task CheckReadAsync(IJournal journal, Model model, ConversationKey key, int number)
    {
        var from = model.EndAt(key, number);
        var expected = model.Read(key).Skip((int)from.Position).ToList();
        var actual = await ReadAllAsync(journal, key, from);
        Assert.Equal(expected.Select(e => (e.Position, e.Writer)), actual.Select(e => (e.Position, e.Writer)));
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First.Records, pair.Second.Records));
    }

    private async Task CheckListAsync(Model model, Operation operation)
    {
        var tenant = model.Key(operation).Tenant;
        var all = model.List(tenant);
        var at = Math.Min(operation.Number, all.Count);
        var page = await On(operation).ListAsync(tenant, at == 0 ? null : all[at - 1], 2, Token);
        Assert.Equal(all.Skip(at).Take(2), page);
    }

    private async Task CheckDeleteAsync(Model model, Operation operation)
    {
        var key = model.Key(operation);
        await On(operation).DeleteAsync(key, model.End(key), Token);
        model.Delete(key);
    }

    private async Task CheckWholeAsync(Model model)
    {
        foreach (var tenant in Enumerable.Range(0, Tenants.Length).Select(model.Tenant))
        {
            var listed = await Journal.ListAsync(tenant, after: null, 100, Token);
            Assert.Equal(model.List(tenant), listed);
            await CheckNumbersAsync(tenant, listed);
            foreach (var id in listed)
            {
                await CheckReadAsync(Other, model, new ConversationKey(tenant, id), 0);
            }
        }
    }

    private async Task CheckNumbersAsync(string tenant, IReadOnlyList<ConversationId> listed)
    {
        var numbers = new List<long?>();
        foreach (var id in listed)
        {
            numbers.Add(await Other.FindNumberAsync(new ConversationKey(tenant, id), Token));
        }

        var newest = await Journal.ListNewestAsync([tenant], long.MaxValue, 10, Token);
        Assert.Equal(newest.Found.Select(static log => (long?)log.Number), Enumerable.Reverse(numbers).Take(10));
    }

    private enum Kind
    {
        Append,
        AppendElsewhere,
        Pause,
        Resume,
        Read,
        ReadElsewhere,
        List,
        Delete,
        DeleteElsewhere,
    }

    private sealed record Operation(Kind Kind, int Tenant, int Conversation, int Number, bool IsOther, int Size);

    /// <summary>A journal as plainly as it can be said.</summary>
    private sealed class Model(string name)
    {
        private readonly List<(ConversationKey Key, List<JournalEntry> Log)> _logs = [];

        /// <summary>Where a writer of a conversation stopped.</summary>
        public Dictionary<ConversationKey, JournalEnd> Paused { get; } = [];

        public string Tenant(int number) => $"{name}-{Tenants[number]}";

        public ConversationKey Key(Operation operation) =>
            new(Tenant(operation.Tenant), new ConversationId((UInt128)operation.Conversation));

        public JournalEnd End(ConversationKey key) => EndAt(key, int.MaxValue);

        public JournalEnd EndAt(ConversationKey key, int count) =>
            Read(key).Take(count).Select(JournalEnd.Behind).LastOrDefault();

        public bool HasHad(ConversationKey key, JournalEnd end) =>
            end.Position <= Read(key).Count && EndAt(key, (int)end.Position) == end;

        public List<JournalEntry> Read(ConversationKey key) => _logs.Find(l => l.Key == key).Log ?? [];

        public List<ConversationId> List(string tenant) =>
            [.. _logs.Where(l => l.Key.Tenant == tenant).Select(l => l.Key.Id)];

        public void Delete(ConversationKey key) => _logs.RemoveAll(l => l.Key == key);

        public void Append(ConversationKey key, JournalEntry entry)
        {
            if (End(key) == JournalEnd.None)
            {
                _logs.Add((key, []));
            }

            Read(key).Add(entry);
        }
    }
}
