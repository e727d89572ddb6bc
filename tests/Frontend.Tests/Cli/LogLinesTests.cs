using Evergrain.Conversations.Ports;
using Evergrain.Silo.Composition;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>What the program writes of log entries.</summary>
public sealed class LogLinesTests
{
    private readonly ManualTime _time = new();
    private readonly StringWriter _written = new();

    [Fact]
    public void JournalThatCannotBeUsed_IsOneLineForEachKindAndMinute_WithoutAStack()
    {
        var lines = new LogLines(_time);
        for (var failed = 0; failed < 100; failed++)
        {
            Write(lines, 102, Thrown(new JournalUnavailableException("The disk is full.")));
            Write(lines, 101, Thrown(new JournalUnavailableException("The disk is full.")));
        }

        _time.Advance(TimeSpan.FromSeconds(61));
        Write(lines, 102, Thrown(new JournalUnavailableException("The disk is full.")));

        Assert.Equal("""
            fail: Host[102] An append failed. The disk is full.
            fail: Host[101] An append failed. The disk is full.
            fail: Host[102] An append failed. The disk is full. (100 since the last such line.)

            """, _written.ToString(), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void OtherFaults_KeepTheirStackAndAreAllWritten_OnOneLineEach()
    {
        var lines = new LogLines(_time);
        Write(lines, 102, Thrown(new InvalidOperationException("A\nfault.")));
        Write(lines, 102, Thrown(new InvalidOperationException("A\nfault.")));
        Write(lines, 103, fault: null);

        var written = _written.ToString().TrimEnd().Split('\n');
        Assert.Equal(3, written.Length);
        Assert.Contains(nameof(Thrown), written[0], StringComparison.Ordinal);
        Assert.Equal(written[0], written[1]);
        Assert.Equal("fail: Host[103] An append failed.", written[2].TrimEnd());
    }

    private void Write(LogLines lines, int id, Exception? fault) => lines.Write(
        new LogEntry<string>(LogLevel.Error, "Host", new EventId(id), "An append failed.", fault,
            static (state, _) => state), scopeProvider: null, _written);

    // One that was thrown has a stack.
    private static Exception Thrown(Exception fault)
    {
        try
        {
            throw fault;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
