using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Tests.Responses;

/// <summary>
/// Recorded streams, broken and stirred at random: whatever comes, events are in order or the server is refused.
/// </summary>
public sealed class DecoderPropertyTests
{
    private const int Rounds = 1000;

    private static readonly byte[][][] Recorded = [.. RecordedStreamTests.Names.Select(static name =>
        RecordedStreamTests.Read(name)[0]
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Encoding.UTF8.GetBytes).ToArray())];

    private delegate IEnumerable<byte[]> Spoil(byte[][] stream, Random random);

    [Fact]
    public void Streams_WithBrokenBytes_AreInOrderOrRefused() => Try(static (stream, random) =>
    {
        var at = random.Next(stream.Length);
        var data = stream[at].ToArray();
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            data[random.Next(data.Length)] = (byte)random.Next(256);
        }

        return stream.Select((line, index) => index == at ? data : line);
    });

    [Fact]
    public void Streams_WithCutEvents_AreInOrderOrRefused() => Try(static (stream, random) =>
    {
        var at = random.Next(stream.Length);
        return stream.Select((line, index) => index == at ? line[..random.Next(line.Length)] : line);
    });

    [Fact]
    public void Streams_OfMixedEvents_AreInOrderOrRefused() => Try(static (stream, random) =>
    {
        var other = Recorded[random.Next(Recorded.Length)];
        var mixed = stream.Concat(other).ToArray();
        random.Shuffle(mixed);
        return mixed;
    });

    [Fact]
    public void Streams_WithLostAndRepeatedEvents_AreInOrderOrRefused() => Try(static (stream, random) =>
        stream.SelectMany(line => Enumerable.Repeat(line, random.Next(6) switch { 0 => 0, 1 => 2, _ => 1 })));

    [Fact]
    public void Streams_WithOtherNames_AreInOrderOrRefused() => Try(static (stream, random) => stream.Select(line =>
    {
        string[] names = ["type", "item_id", "output_index", "item", "part", "delta", "id", "call_id", "text", "null"];
        var text = Encoding.UTF8.GetString(line);
        return Encoding.UTF8.GetBytes(random.Next(4) > 0 ? text : text.Replace(
            names[random.Next(names.Length)], names[random.Next(names.Length)], StringComparison.Ordinal));
    }));

    private static void Try(Spoil spoil)
    {
        var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
        var random = new Random(seed);
        for (var round = 0; round < Rounds; round++)
        {
            var stream = spoil(Recorded[random.Next(Recorded.Length)], random).ToArray();
            try
            {
                Run(Transcript.Decoder(), stream);
            }
            catch (Exception e)
            {
                var lines = string.Join('\n', stream.Select(Encoding.UTF8.GetString));
                Assert.Fail($"seed {seed}, round {round}: {e}\n{lines}");
            }
        }
    }

    private static void Run(IEventDecoder decoder, byte[][] stream)
    {
        var events = new List<ModelEvent>();
        try
        {
            foreach (var data in stream)
            {
                Transcript.Read(decoder, data, events);
            }

            decoder.Finish(isMarked: false, events);
        }
        catch (FormatException)
        {
            // Refused; what came before must be in order all the same.
        }

        Transcript.CheckOrder(events);
    }
}
