using System.Runtime.InteropServices;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Http;

/// <summary>
/// The system's libzstd, as far as unpacking needs it. .NET has no Zstandard of its own; Codex packs its bodies so.
/// </summary>
/// <remarks>Source: zstd.h, the stable part of its streaming interface.</remarks>
internal sealed class Zstandard
{
    // Source: RFC 9659: what is sent as Content-Encoding needs a window of at most 8 MiB. It bounds what libzstd holds.
    private const int WindowLogParameter = 100;
    private const int WindowLogMax = 23;

    private static readonly string[] Names =
        ["libzstd.so.1", "libzstd.so", "libzstd.1.dylib", "libzstd.dylib", "libzstd.dll", "zstd.dll"];

    private readonly CreateContext _create;
    private readonly FreeContext _free;
    private readonly SetParameter _setParameter;
    private readonly DecompressStream _decompress;
    private readonly IsError _isError;

    private Zstandard(nint library)
    {
        _create = Find<CreateContext>(library, "ZSTD_createDCtx");
        _free = Find<FreeContext>(library, "ZSTD_freeDCtx");
        _setParameter = Find<SetParameter>(library, "ZSTD_DCtx_setParameter");
        _decompress = Find<DecompressStream>(library, "ZSTD_decompressStream");
        _isError = Find<IsError>(library, "ZSTD_isError");
    }

    private delegate nint CreateContext();

    private delegate nuint FreeContext(nint context);

    private delegate nuint SetParameter(nint context, int parameter, int value);

    private delegate nuint DecompressStream(nint context, ref Span output, ref Span input);

    private delegate uint IsError(nuint result);

    /// <summary>The library; null where it does not load. It stays loaded.</summary>
    public static Zstandard? Library { get; } = Load();

    /// <summary>Begins to unpack a whole body, frame after frame.</summary>
    public IUnpacking Open(RentedBuffer packed)
    {
        var context = _create();
        return context != 0
            ? new Unpacking(this, context, packed.Segment)
            : throw new InvalidOperationException("libzstd has no memory for a context.");
    }

    private nuint Check(nuint result) => _isError(result) == 0
        ? result
        : throw new InvalidDataException("The zstd stream is broken, or its window is larger than 8 MiB.");

    private static Zstandard? Load()
    {
        foreach (var name in Names)
        {
            if (NativeLibrary.TryLoad(name, out var library))
            {
                return IsWhole(library) ? new Zstandard(library) : null;
            }
        }

        return null;
    }

    // Before 1.4 the parameters of a context had another name.
    private static bool IsWhole(nint library) => NativeLibrary.TryGetExport(library, "ZSTD_DCtx_setParameter", out _);

    private static T Find<T>(nint library, string name)
        where T : Delegate => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(library, name));

    /// <summary>One body; it is broken, cut off, or needs too large a window where a step throws.</summary>
    private sealed class Unpacking : IUnpacking
    {
        private readonly Zstandard _library;
        private readonly nint _context;
        private GCHandle _pin;
        private Span _input;

        // What is left of the frame, as the library guesses; 0: it is whole. An empty body has no frame at all.
        private nuint _left = 1;
        private bool _isFull;

        public Unpacking(Zstandard library, nint context, ArraySegment<byte> packed)
        {
            (_library, _context) = (library, context);
            _pin = GCHandle.Alloc(packed.Array, GCHandleType.Pinned);
            _input = new Span(_pin.AddrOfPinnedObject() + packed.Offset, packed.Count);
            library._setParameter(context, WindowLogParameter, WindowLogMax);
        }

        public bool Step(RentedBuffer body)
        {
            if (_input.Position == _input.Size && (!_isFull || _left == 0))
            {
                return _left == 0 ? false : throw new InvalidDataException("The zstd stream is cut off.");
            }

            MemoryMarshal.TryGetArray<byte>(body.Free(), out var room);
            var pin = GCHandle.Alloc(room.Array, GCHandleType.Pinned);
            try
            {
                var output = new Span(pin.AddrOfPinnedObject() + room.Offset, room.Count);
                _left = _library.Check(_library._decompress(_context, ref output, ref _input));
                body.Advance((int)output.Position);
                _isFull = output.Position == output.Size;
                return true;
            }
            finally
            {
                pin.Free();
            }
        }

        public void Dispose()
        {
            _pin.Free();
            _library._free(_context);
        }
    }

    /// <summary><c>ZSTD_inBuffer</c> and <c>ZSTD_outBuffer</c>: they differ in who may write there.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Span(nint start, int size)
    {
        public readonly nint Start = start;
        public readonly nuint Size = (nuint)size;
        public nuint Position;
    }
}
