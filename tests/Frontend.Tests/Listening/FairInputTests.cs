using System.IO.Pipelines;
using Evergrain.Frontend.Listening;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Frontend.Tests.Listening;

/// <summary>When a connection gives up the thread that received its bytes.</summary>
public sealed class FairInputTests
{
    private const int Bytes = 1000;

    private readonly Pipe _pipe = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Reader_OfBytesWithoutEnd_LeavesTheThreadAgainAndAgain()
    {
        await _pipe.Writer.WriteAsync(new byte[Bytes]);
        var input = NewInput();
        var left = 0;
        for (var i = 0; i < Bytes; i++)
        {
            var read = input.ReadAsync();
            left += read.IsCompleted ? 0 : 1;
            var result = await read.AsTask().WaitAsync(TestServer.Patience);
            input.AdvanceTo(result.Buffer.GetPosition(1));
        }

        Assert.InRange(left, Bytes / 17, Bytes / 15);
    }

    [Fact]
    public async Task Reader_ThatHasToWaitForItsBytes_Stays()
    {
        var input = NewInput();
        for (var i = 0; i < Bytes; i++)
        {
            var read = input.ReadAsync();
            Assert.False(read.IsCompleted);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await _pipe.Writer.WriteAsync(new byte[1]);

            // The writer ran the reader: a reader that had left would not be ready yet.
            Assert.True(read.IsCompleted);
            input.AdvanceTo((await read).Buffer.End);
        }
    }

    private FairInput NewInput() => new(new Duplex(_pipe.Reader, _pipe.Writer), _time);

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
