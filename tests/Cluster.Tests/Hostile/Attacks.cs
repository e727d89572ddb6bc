using System.Text;

namespace Evergrain.Cluster.Tests.Hostile;

/// <summary>
/// What strangers do to a cluster, each for as long as its token lets it. One kind has few peers and sends at most
/// 1.25 MB/s for each, since the attackers share the processors with the cluster.
/// </summary>
/// <param name="frontends">Ports where clients connect.</param>
/// <param name="silos">Ports where processes of the cluster connect.</param>
internal sealed class Attacks(IReadOnlyList<int> frontends, IReadOnlyList<int> silos)
{
    /// <summary>The key of a tenant that means harm.</summary>
    public const string Key = "sk-mallory";

    private const byte Text = 0x81;
    private const byte Ping = 0x89;
    private const int FloodBytes = 64 << 10;
    private const int PieceBytes = 1 << 20;
    private const int FrameTooLong = 65 << 20;

    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SlowBeat = TimeSpan.FromMilliseconds(500);

    private static readonly byte[][] BadTexts =
    [
        [.. "{\"type\":"u8], [.. "[]"u8], [.. "{\"type\":7}"u8], [.. "{\"type\":\"response.create\",\"input\":"u8],
        [.. "{\"type\":\"response.create\",\"model\":\"demo\",\"input\":[{\"type\":\"\\ud800\"}]}"u8],
        Encoding.ASCII.GetBytes(new string('[', 10_000)),
        [.. "{\"type\":\"response.create\",\"model\":\"nobody\",\"input\":\"x\"}"u8],

        // No UTF-8: the last thing that a socket may say.
        [0xff, 0xfe, 0xfd],
    ];

    private int _turn;

    /// <summary>Each kind, with how many of its peers met an end: a refusal, or a close.</summary>
    public IReadOnlyList<Attack> All =>
    [
        new("pings", token => SocketsAsync(2, FloodOf(HostilePeer.Frame(Ping, "beat"u8)), token)),
        new("cancels", token => SocketsAsync(
            2, FloodOf(HostilePeer.Frame(Text, "{\"type\":\"response.cancel\"}"u8)), token)),
        new("silent connections", token => HoldAsync(400, frontends, default, token)),
        new("many sockets", ManySocketsAsync),
        new("silent connections at cluster ports", token => HoldAsync(300, silos, default, token)),
        new("noise at cluster ports", token => HoldAsync(60, silos, Noise(), token)),
        new("frames that are too long", token => SocketsAsync(2, LongFrameAsync, token)),
        new("bad JSON", token => SocketsAsync(2, BadTextsAsync, token)),
        new("wrong keys", WrongKeysAsync),
        new("slow writers", SlowWritersAsync),
        new("slow readers", SlowReadersAsync),
    ];

    private int NextFrontend => frontends[(int)((uint)Interlocked.Increment(ref _turn) % frontends.Count)];

    /// <summary>Several sockets with a valid key that do something, again and again on a new socket.</summary>
    private async Task<int> SocketsAsync(
        int count, Func<HostilePeer, CancellationToken, Task> act, CancellationToken token)
    {
        var ended = 0;
        await TogetherAsync(count, async () =>
        {
            using (var peer = await HostilePeer.TryUpgradeAsync(NextFrontend, Key, token))
            {
                await (peer is null ? Task.CompletedTask : act(peer, token));
            }

            Interlocked.Increment(ref ended);
        }, token);
        return ended;
    }

    private static Func<HostilePeer, CancellationToken, Task> FloodOf(byte[] frame)
    {
        byte[] flood = [.. Enumerable.Repeat(frame, FloodBytes / frame.Length).SelectMany(static bytes => bytes)];
        return async (peer, token) =>
        {
            var reading = peer.UntilClosedAsync(token);
            while (!reading.IsCompleted && await peer.TrySendAsync(flood, token))
            {
                await PassAsync(Beat, token);
            }
        };
    }

    private static async Task LongFrameAsync(HostilePeer peer, CancellationToken token)
    {
        // The server finds it too long when it has come.
        var closed = peer.TryReadAsync(token);
        var goesOn = await peer.TrySendAsync(HostilePeer.Header(Text, FrameTooLong), token);
        while (goesOn && !closed.IsCompleted)
        {
            goesOn = await peer.TrySendAsync(new byte[PieceBytes], token);
            await PassAsync(Beat, token);
        }
    }

    private static async Task BadTextsAsync(HostilePeer peer, CancellationToken token)
    {
        foreach (var text in BadTexts)
        {
            if (!await peer.TrySendAsync(HostilePeer.Frame(Text, text), token) ||
                await peer.TryReadAsync(token) is null)
            {
                return;
            }
        }
    }

    private async Task<int> WrongKeysAsync(CancellationToken token)
    {
        var refused = 0;
        await TogetherAsync(2, async () =>
        {
            var number = Interlocked.Increment(ref refused);
            using var peer = await HostilePeer.TryConnectAsync(NextFrontend, token);
            if (peer is not null && await peer.TrySendAsync(HostilePeer.Upgrade($"sk-wrong-{number}"), token))
            {
                await peer.TryReadAsync(token);
            }
        }, token);
        return refused;
    }

    /// <summary>More sockets than the tenant may have.</summary>
    private async Task<int> ManySocketsAsync(CancellationToken token)
    {
        var (held, refused) = (new List<HostilePeer>(), 0);
        for (var i = 0; i < 200 && !token.IsCancellationRequested; i++)
        {
            if (await HostilePeer.TryUpgradeAsync(NextFrontend, Key, token) is { } peer)
            {
                held.Add(peer);
            }
            else
            {
                refused++;
            }
        }

        await PassAsync(Timeout.InfiniteTimeSpan, token);
        held.ForEach(static peer => peer.Dispose());
        return refused;
    }

    /// <summary>Connections that say nothing more than this; one that is closed is followed by another.</summary>
    private static async Task<int> HoldAsync(
        int count, IReadOnlyList<int> ports, ReadOnlyMemory<byte> words, CancellationToken token)
    {
        var (ended, next) = (0, 0);
        await TogetherAsync(count, async () =>
        {
            var port = ports[(int)((uint)Interlocked.Increment(ref next) % ports.Count)];
            using var peer = await HostilePeer.TryConnectAsync(port, token);
            if (peer is not null && await peer.TrySendAsync(words, token))
            {
                await peer.UntilClosedAsync(token);
            }

            Interlocked.Increment(ref ended);
            await PassAsync(SlowBeat, token);
        }, token);
        return ended;
    }

    /// <summary>Heads, bodies and frames whose bytes come one by one.</summary>
    private async Task<int> SlowWritersAsync(CancellationToken token)
    {
        var post = Encoding.ASCII.GetBytes("POST /v1/responses HTTP/1.1\r\nHost: localhost\r\n" +
            $"Authorization: Bearer {Key}\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n");
        var ended = 0;
        await TogetherAsync(60, async () =>
        {
            var kind = Interlocked.Increment(ref ended) % 3;
            using var peer = kind == 0
                ? await HostilePeer.TryUpgradeAsync(NextFrontend, Key, token)
                : await HostilePeer.TryConnectAsync(NextFrontend, token);
            var first = kind switch { 0 => HostilePeer.Header(Text, 1 << 20), 1 => post, _ => post[..10] };
            for (var next = first; peer is not null && await peer.TrySendAsync(next, token); next = " "u8.ToArray())
            {
                await PassAsync(SlowBeat, token);
            }
        }, token);
        return ended;
    }

    /// <summary>Turns with long answers that nobody reads.</summary>
    private async Task<int> SlowReadersAsync(CancellationToken token)
    {
        var create = HostilePeer.Frame(Text,
            """{"type":"response.create","model":"demo","store":false,"input":"@@script [{\"bytes\":2000000}]"}"""u8);
        var ended = 0;
        await TogetherAsync(8, async () =>
        {
            using var peer = await HostilePeer.TryUpgradeAsync(NextFrontend, Key, token, reads: 4096);
            if (peer is not null && await peer.TrySendAsync(create, token))
            {
                await PassAsync(Timeout.InfiniteTimeSpan, token);
            }

            Interlocked.Increment(ref ended);
        }, token);
        return ended;
    }

    /// <summary>Does something in several places, again and again, with a pause.</summary>
    private static Task TogetherAsync(int count, Func<Task> act, CancellationToken token) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(async () =>
        {
            while (!token.IsCancellationRequested)
            {
                await act();
                await PassAsync(Beat, token);
            }
        }, CancellationToken.None)));

    private static async Task PassAsync(TimeSpan time, CancellationToken token)
    {
        try
        {
            await Task.Delay(time, TimeProvider.System, token);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            // The attack is over.
        }
    }

    // Bytes that begin no handshake.
    private static byte[] Noise() => [.. Enumerable.Range(0, 512).Select(static value => (byte)(value * 37))];
}

/// <summary>One kind of attack; it returns how many of its peers were refused or met their end.</summary>
internal sealed record Attack(string Name, Func<CancellationToken, Task<int>> RunAsync);
