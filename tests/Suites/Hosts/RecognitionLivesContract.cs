using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Lives of clients that go back, change what they said and go on, stored or not, while the index loses entries and
/// cannot be read: each response has the digest that the same history has in a conversation of its own.
/// </summary>
/// <param name="hosts">Starts the host.</param>
/// <param name="lives">How many lives there are.</param>
public abstract class RecognitionLivesContract(IContractHosts hosts, int lives) : HostContract(hosts)
{
    private const int Steps = 12;
    private const int AtOnce = 8;
    private const int LongEach = 20;
    private static readonly TimeSpan BatchPause = TimeSpan.FromMilliseconds(200);

    private static readonly Func<JsonElement, string?>[] Styles = [SentBack.Whole, SentBack.Bare, SentBack.Named];

    protected override HostSetup Setup { get; } = new()
    {
        Recognition = new RecognitionOptions { Recognition = "all" },
    };

    [Fact]
    public async Task Index_LosingEntriesAtRandom_ChangesNoDigest()
    {
        var seed = (int)(new RandomIdSource().Next64() >> 40);
        await Parallel.ForEachAsync(Enumerable.Range(seed, lives),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (life, _) => await LiveAsync(life));
        var continued = Host.Counts.Histories("recognised") + Host.Counts.Histories("forked");
        Assert.InRange(continued, lives, lives * Steps);
        Assert.InRange(Host.Counts.Histories("unknown"), lives / 4, lives * Steps);
    }

    private async Task LiveAsync(int seed)
    {
        var random = new Random(seed);
        var chat = new ResentChat(Host) { Sends = Styles[seed % Styles.Length] };
        if (seed % LongEach == 0)
        {
            // So long that its bytes are compared before it is read.
            chat.Items.Add(ResentChat.User(new string('x', 70_000)));
        }

        for (var step = 0; step < Steps; step++)
        {
            if (chat.Items.Count > 2 && random.Next(4) == 0)
            {
                chat.Items.RemoveRange(random.Next(1, chat.Items.Count - 1), 1);
            }

            // Nothing names an unstored item for long.
            chat.IsStored = chat.Sends == Styles[^1] || random.Next(2) == 0;
            chat.Items.Add(ResentChat.User($"{seed} says {random.Next(3)}"));
            var model = random.Next(2) == 0 ? "echo" : "thinking";
            var elsewhere = await chat.Fork().DigestElsewhereAsync(model);
            var id = await chat.SendAsync(model);
            Assert.True(elsewhere == await Client.DigestAsync(id), $"seed {seed}, step {step}: {id}");
            if (random.Next(4) > 0)
            {
                await chat.LeaveAsync(id);
            }

            Lose(random, id);
        }
    }

    /// <summary>What other processes and crashes do to the index.</summary>
    private void Lose(Random random, ResponseId id)
    {
        if (random.Next(2) == 0)
        {
            Host.Known!.Remove(Client.Address(id));
        }

        switch (random.Next(10))
        {
            case 0:
                Host.Faults.LosesHistories = !Host.Faults.LosesHistories;
                break;
            case 1:
                Host.Faults.FailsFind = !Host.Faults.FailsFind;
                break;
            case < 5:
                Host.Time.Advance(BatchPause);
                break;
        }
    }
}
