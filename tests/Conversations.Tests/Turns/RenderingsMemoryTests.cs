using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Xunit.Abstractions;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>Tests that read the process's heap: nothing else runs meanwhile.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;

/// <summary>The process's heap.</summary>
internal static class Heap
{
    /// <summary>Bytes that live. What earlier tests left goes now, and not while a test measures.</summary>
    public static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}

/// <summary>What warm conversations take in memory while they go from model to model.</summary>
[Collection(nameof(AloneCollection))]
public sealed class RenderingsMemoryTests(ITestOutputHelper output)
{
    private const int Turns = 25;
    private const int TextChars = 2_000;

    // Two renderings are held. What goes with an item beside its bytes is the same small part for each of them.
    private const double RenderingsMax = 2.5;

    private static readonly int Conversations =
        Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 } ? 200 : 40;

    private static readonly string[] Names = ["amber", "birch", "cedar", "delta", "ember"];

    [Fact]
    public void Heap_OfConversationsThatUsedFiveRenderings_GrowsByTwo()
    {
        // One rendering is the difference that one more model makes. The first time makes what all of them share.
        _ = HeapOf(1);
        var one = HeapOf(1);
        var rendering = HeapOf(2) - one;
        var items = one - rendering;

        var renderings = (HeapOf(Names.Length) - items) / rendering;

        output.WriteLine(
            $"[note] a rendering of {2 * Turns} items is {rendering / 1024:F0} KB; {renderings:F2} of five are held");
        Assert.InRange(rendering, 2 * Turns * TextChars, 2 * 2 * Turns * TextChars);
        Assert.InRange(renderings, 1.5, RenderingsMax);
    }

    /// <summary>Bytes that one of many warm conversations holds, each of which uses so many models in turns.</summary>
    private static double HeapOf(int models)
    {
        IModelBackend[] backends = [.. Names.Take(models).Select(static name => new ScriptedBackend(name, name))];
        var before = Heap.Settled();
        var conversations = Enumerable.Range(0, Conversations).Select(_ => Live(backends)).ToList();
        var after = Heap.Settled();
        GC.KeepAlive(conversations);
        return (after - before) / (double)Conversations;
    }

    private static object Live(IModelBackend[] backends)
    {
        var driver = new ConversationDriver(backends);
        ResponseId? last = null;
        for (var turn = 0; turn < Turns; turn++)
        {
            var name = backends[turn % backends.Length].Rendering;
            var create = ConversationDriver.Json(new string('x', TextChars), last);
            var id = driver.Create(create.Replace("\"m\"", $"\"{name}\"", StringComparison.Ordinal));
            driver.AppendAll();
            driver.Model(id,
                new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
                new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
                ConversationDriver.Delta(new string('y', TextChars)), new ModelEvent(ModelEventKind.PartDone),
                new ModelEvent(ModelEventKind.ItemDone), new ModelEvent(ModelEventKind.Completed));
            driver.AppendAll();
            last = id;
        }

        // No host keeps these.
        driver.Journal.Clear();
        driver.Calls.Clear();
        driver.Effects.Clear();
        return driver;
    }
}
